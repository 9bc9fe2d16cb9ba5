"""ComfyUI's door to lorarec, a recommender of the user's own LoRAs."""

from .nodes import capture, routes
from .nodes.apply import ApplyStack
from .nodes.recommend import RecommendLoras
from .nodes.similar import SimilarLoras

NODE_CLASS_MAPPINGS = {
    "LorarecRecommend": RecommendLoras,
    "LorarecApplyStack": ApplyStack,
    "LorarecSimilar": SimilarLoras,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "LorarecRecommend": "Recommend LoRAs",
    "LorarecApplyStack": "Apply LoRA Stack",
    "LorarecSimilar": "Similar LoRAs",
}
WEB_DIRECTORY = "./javascript"  # only javascript/comfyui/ holds *.js, which ComfyUI imports

capture.install()
routes.mount()

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS", "WEB_DIRECTORY"]
