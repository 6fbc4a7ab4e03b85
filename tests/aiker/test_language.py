"""The admin speaks the language of the settings until a visitor chooses another."""

import pytest
from django.test import Client


@pytest.mark.django_db
def test_a_browser_that_asks_for_english_still_gets_chinese() -> None:
    assert "登录" in Client().get("/admin/login/", headers={"accept-language": "en"}).content.decode()


@pytest.mark.django_db
def test_a_chosen_language_stays() -> None:
    client = Client()
    client.post("/i18n/setlang/", {"language": "en"})
    assert "Log in" in client.get("/admin/login/").content.decode()
