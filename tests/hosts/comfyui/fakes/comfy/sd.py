"""Models are tuples of what was applied to them: applying clones, None stays None."""


def load_lora_for_models(model, clip, lora, strength_model, strength_clip):
    return (
        None if model is None else (*model, (lora, strength_model)),
        None if clip is None else (*clip, (lora, strength_clip)),
    )
