"""The configuration of a Baichuan2-shaped model, for the tests of models that bring their own code."""

from transformers import PretrainedConfig


class BaichuanConfig(PretrainedConfig):
    model_type = "baichuan"
