#!/usr/bin/env python3
"""Records what Pillow, and so torchvision's ImageFolder, makes of odd images: pillow.json.

Run in this folder with Pillow, numpy and tifffile installed:  python gen_pillow.py
Each case is a file, and resize((SIZE, SIZE), BILINEAR) of convert("RGB") and of convert("L") of it, all in base64. Of 16-bit
gray, and where there is a window, the samples are numpy's and tifffile's, made 8 bits linearly.
"""
import base64
import io
import json
import struct
import zlib

import numpy as np
import PIL
import tifffile
from PIL import Image

SIZE = 16


def smooth(w, h, channels):
    y, x, c = np.meshgrid(np.arange(h) / h, np.arange(w) / w, np.arange(channels), indexing="ij")
    v = 128 + 70 * np.sin(4 * x + 3 * y + 2 * c) + 50 * np.cos(5 * x * y - c)
    return np.clip(v, 0, 255).astype(np.uint8)


def noise(w, h, channels, top=256):
    return np.random.default_rng(w * h).integers(0, top, (h, w, channels), dtype=np.uint16)


def saved(image, kind, **options):
    b = io.BytesIO()
    image.save(b, kind, **options)
    return b.getvalue()


def png(pixels, depth, colour):
    """A PNG that Pillow does not write: pixels [h, w, channels], depth bits a sample."""
    h, w, channels = pixels.shape
    rows = b""
    for row in pixels.reshape(h, -1):
        if depth == 16:
            packed = row.astype(">u2").tobytes()
        else:
            bits = "".join(format(v, f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            packed = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        rows += b"\0" + packed

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    head = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(pixels, **options):
    b = io.BytesIO()
    tifffile.imwrite(b, pixels, photometric="rgb", **options)
    return b.getvalue()


def without_adobe(jpeg):
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + struct.unpack(">H", jpeg[at + 2:at + 4])[0]:]


def as_ycck(jpeg):
    """The same samples, declared YCCK."""
    at = jpeg.index(b"Adobe") + 11
    return jpeg[:at] + b"\x02" + jpeg[at + 1:]


def linear(samples, window):
    low, high = window or (0, 65535)
    return np.clip(np.floor(255 * (samples.astype(np.float64) - low) / (high - low) + 0.5), 0, 255).astype(np.uint8)


def deep_cases():
    """Names, files, windows and 16-bit samples."""
    def tiff16(pixels, **options):
        b = io.BytesIO()
        tifffile.imwrite(b, pixels, photometric="minisblack", **options)
        return b.getvalue(), tifffile.imread(io.BytesIO(b.getvalue()))
    low, full = noise(36, 20, 1, 400), noise(36, 21, 1, 65536)
    yield "png gray 16", png(low, 16, 0), None, low[..., 0]
    yield "png gray 16 window", png(low, 16, 0), (50, 331), low[..., 0]
    yield "png rgb 16 window", png(noise(37, 20, 3, 65536), 16, 2), (1000, 50000), noise(37, 20, 3, 65536)
    for name, window, pixels, options in [
            ("tiff gray 16", None, noise(44, 20, 1, 400)[..., 0], {}), ("tiff gray 16 full", None, full[..., 0], {}),
            ("tiff gray 16 window", (120, 3800), full[..., 0] >> 4, {"byteorder": ">"}),
            ("tiff gray 16 narrow", (7, 9), low[..., 0], {"compression": "zlib"})]:
        file, samples = tiff16(pixels, **options)
        yield name, file, window, samples


def cases():
    colour = Image.fromarray(smooth(61, 40, 3))
    wide = Image.fromarray(smooth(150, 90, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees, which is ignored
    cmyk = saved(Image.fromarray(smooth(40, 50, 4), "CMYK"), "JPEG", quality=95)
    yield "jpeg 420", saved(colour, "JPEG", quality=90)
    yield "jpeg 422", saved(colour, "JPEG", quality=90, subsampling=1)
    yield "jpeg 444", saved(colour, "JPEG", quality=95, subsampling=0)
    yield "jpeg progressive", saved(colour, "JPEG", quality=90, progressive=True)
    yield "jpeg reduced", saved(wide, "JPEG", quality=95)
    yield "jpeg gray", saved(colour.convert("L"), "JPEG", quality=90)
    yield "jpeg rgb", saved(colour, "JPEG", quality=95, keep_rgb=True)
    yield "jpeg exif", saved(colour, "JPEG", quality=90, exif=exif)
    yield "jpeg cmyk adobe", cmyk
    yield "jpeg cmyk", without_adobe(cmyk)
    yield "jpeg ycck", as_ycck(cmyk)
    yield "png rgb", saved(Image.fromarray(noise(53, 31, 3).astype(np.uint8)), "PNG")
    yield "png rgb small", saved(Image.fromarray(noise(9, 7, 3).astype(np.uint8)), "PNG")
    yield "png rgb same", saved(Image.fromarray(noise(SIZE, SIZE, 3).astype(np.uint8)), "PNG")
    yield "png rgb tall", saved(Image.fromarray(noise(3, 200, 3).astype(np.uint8)), "PNG")
    yield "png rgba", saved(Image.fromarray(noise(20, 30, 4).astype(np.uint8)), "PNG")
    yield "png gray", saved(Image.fromarray(noise(20, 31, 1)[..., 0].astype(np.uint8)), "PNG")
    yield "png gray alpha", saved(Image.fromarray(noise(21, 30, 2).astype(np.uint8), "LA"), "PNG")
    yield "png palette", saved(colour.quantize(200), "PNG")
    yield "png palette transparent", saved(colour.quantize(12), "PNG", transparency=3)
    yield "png rgb transparent", saved(Image.fromarray(noise(22, 30, 3, 4).astype(np.uint8)), "PNG", transparency=(1, 2, 3))
    yield "png 1 bit", png(noise(33, 20, 1, 2), 1, 0)
    yield "png 2 bit", png(noise(34, 20, 1, 4), 2, 0)
    yield "png 4 bit", png(noise(35, 20, 1, 16), 4, 0)
    yield "png rgb 16", png(noise(37, 20, 3, 65536), 16, 2)
    yield "png gray alpha 16", png(noise(38, 20, 2, 65536), 16, 4)
    yield "png rgba 16", png(noise(39, 20, 4, 65536), 16, 6)
    rgb = Image.fromarray(noise(41, 31, 3).astype(np.uint8))
    rgba = Image.fromarray(noise(42, 30, 4).astype(np.uint8))
    gray = Image.fromarray(noise(43, 31, 1)[..., 0].astype(np.uint8))
    for compression in [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"]:
        yield f"tiff rgb {compression}", saved(rgb, "TIFF", compression=compression)
    yield "tiff rgba", saved(rgba, "TIFF", compression="tiff_lzw")
    yield "tiff rgba associated", tiff(smooth(42, 30, 4), extrasamples=["assocalpha"])
    yield "tiff gray", saved(gray, "TIFF")
    yield "tiff 1 bit", saved(gray.convert("1"), "TIFF")
    yield "tiff palette", saved(colour.quantize(200), "TIFF")
    yield "bmp rgb", saved(rgb, "BMP")
    yield "bmp gray", saved(gray, "BMP")
    yield "bmp palette", saved(colour.quantize(200), "BMP")
    yield "webp lossless", saved(rgb, "WEBP", lossless=True)
    yield "webp lossless alpha", saved(rgba, "WEBP", lossless=True, exact=True)
    yield "webp", saved(colour, "WEBP", quality=95)
    yield "webp alpha", saved(Image.fromarray(smooth(40, 51, 4)), "WEBP", quality=95, exact=True)


def main():
    recorded = []

    def record(name, file, image, **more):
        """image is what the file holds: one of Pillow's."""
        want, gray = (image.convert(mode).resize((SIZE, SIZE), Image.Resampling.BILINEAR).tobytes() for mode in ("RGB", "L"))
        recorded.append(dict(name=name, aspect=image.width / image.height, file=base64.b64encode(file).decode(),
                             want=base64.b64encode(want).decode(), gray=base64.b64encode(gray).decode(), **more))
    for name, file in cases():
        with open("/tmp/case", "wb") as f:
            f.write(file)
        with open("/tmp/case", "rb") as f:
            record(name, file, Image.open(f))  # as torchvision.datasets.folder.pil_loader does
    for name, file, window, samples in deep_cases():
        record(name, file, Image.fromarray(linear(samples, window)), **({"window": dict(zip(("low", "high"), window))} if window else {}))
    text = json.dumps(dict(pillow=PIL.__version__, size=SIZE, cases=recorded))
    with open("pillow.json", "w") as f:
        f.write(text.replace('{"name"', '\n{"name"') + "\n")


if __name__ == "__main__":
    main()
