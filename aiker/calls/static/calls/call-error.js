// Why there is no call: `key` names the text of the page that says what to do.
export class CallError extends Error {
  constructor(key, detail = "") {
    super(detail || key);
    this.key = key;
    this.detail = detail;
  }
}
