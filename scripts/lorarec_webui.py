"""The door of the Stable Diffusion WebUI family to lorarec, a recommender of the user's own LoRAs."""

from lorarec_webui.door import enter

BeforeGeneration = enter()
