"""Words that tell a tone or a style, and words that tell nothing; all as prompt terms are folded (no plain plurals).

Small and visible on purpose: a statement that rests on such a list can be checked by reading it.
"""

from __future__ import annotations

TONES: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in (
        (
            "dark",
            "dark gloomy ominous horror creepy eerie sinister macabre grim noir haunting haunted shadowy menacing "
            "scary nightmare dystopian gothic moody brooding",
        ),
        (
            "bright",
            "bright cheerful sunny joyful joyous happy vibrant colorful vivid lively playful laughing festive radiant",
        ),
        ("calm", "calm peaceful serene serenity tranquil quiet cozy gentle relaxing relaxed soothing minimalist zen"),
        (
            "dramatic",
            "dramatic epic intense explosive explosion dynamic action battle fierce heroic powerful majestic",
        ),
        ("cute", "cute kawaii adorable chibi sweet fluffy lovely pastel plush"),
        ("romantic", "romantic romance love lover tender intimate kiss kissing wedding couple"),
        ("melancholic", "melancholic melancholy sad sadness lonely loneliness tear crying nostalgic nostalgia wistful"),
        ("dreamlike", "dreamy dreamlike ethereal surreal mystical magical whimsical enchanted fairytale otherworldly"),
    )
}

# Before these, "dark" and "bright" are shades, not tones.
SHADED = frozenset(
    """skin hair eye skinned haired eyed blue green red brown pink purple yellow orange gray grey blonde pupil lip elf
    magician souls""".split()
)

STYLES = frozenset(
    """abstract acrylic analog anime aquarelle baroque cartoon charcoal cinematic claymation collage comic cubism
    cyberpunk documentary doodle engraving etching expressionism fresco futuristic ghibli glitch gothic gouache graffiti
    grayscale greyscale grunge hyperrealistic illustration impasto impressionism impressionist ink isometric kodachrome
    lineart lithograph lofi lowpoly manhwa minimalism monochrome mosaic origami papercraft papercut pencil photo
    photorealistic pixar pixel polaroid poster psychedelic realistic render renaissance retro rococo scifi sepia
    silhouette sketch solarpunk steampunk surrealism synthwave ukiyoe vaporwave vector vintage voxel watercolor webtoon
    woodblock woodcut 3d disney dieselpunk fantasy""".split()
)

# Styles of two words, where each alone may say something else.
STYLE_PAIRS = frozenset(
    {
        *("oil painting", "digital painting", "matte painting", "ink wash", "pixel art", "line art", "concept art"),
        *("pop art", "art nouveau", "art deco", "stained glass", "low poly", "flat color", "cel shading", "cel shaded"),
        *("ukiyo e", "sci fi", "dark fantasy", "film noir", "film grain", "comic book", "paper cut", "double exposure"),
        *("studio ghibli", "concept design", "game cg", "watercolor painting", "pencil drawing", "thick painting"),
    }
)

# What prompts carry by habit and tags by category: neither subject nor style.
HABITS = frozenset(
    """masterpiece best quality high highre highres absurdre absurdres ultra detailed detail intricate extremely highly
    very perfect beautiful amazing stunning gorgeous professional official wallpaper artstation trending award winning
    unreal engine octane unity resolution res hdr uhd hd fhd 4k 8k raw dslr sharp focus fine finely delicate good great
    super hyper insane max top rating score source up cg style artstyle art artist character concept lora model
    checkpoint shot view viewer looking look solo full body upper lower close cowboy portrait background simple general
    purpose clothing costume outfit pose object asset tool person people video game fujifilm canon nikon sony len kodak
    portra depth field bokeh light lighting shadow render wide angle front behind side multiple single one two three
    medium color colored texture complex rich photograph photography photographer camera film 35mm 50mm 85mm f2 iso
    exposure contrast sharpness composition subsurface scattering unrealengine lifelike highlight natural original
    base""".split()
)
