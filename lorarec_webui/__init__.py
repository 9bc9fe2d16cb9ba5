"""The Stable Diffusion WebUI family (A1111, Forge, reForge, Neo, SD.Next) as a host of lorarec."""
