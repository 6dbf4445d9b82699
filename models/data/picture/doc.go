// Package picture turns the bytes of an image file into a canvas: RGB or gray pixels squeezed to a square, whatever the file holds.
//
// JPEG, PNG, TIFF (the first page; 1, 8 and 16 bits), WebP (still) and BMP are read. The content of a file decides which it is, never its name. The pixels are those of torchvision's ImageFolder, which are Pillow's convert("RGB"), but for 16-bit gray, or of one channel Pillow's convert("L"):
//
//   - gray becomes three equal channels; a palette its colours;
//   - alpha is dropped, not composited: the colours under it stay;
//   - CMYK and YCCK JPEGs are taken as Adobe writes them, inverted, with or without Adobe's marker, and become RGB by (255-C)(255-K)/255;
//   - 16-bit gray stays linear: of a [Window] as that says, else 0 to 65535 become 0 to 255, rounded to nearest (Pillow clips at 255, which leaves most of it white);
//   - 16-bit colour, and gray with alpha, loses its low byte, or is linear in the Window if there is one;
//   - EXIF orientation is ignored.
//
// More channels than three, and samples of 12, 32 or 64 bits, and signed samples, no decoder here reads: the error is an [Unread] that says what the file has.
//
// The squeeze is Pillow's resize with BILINEAR, antialiased, to the bit: the same weights, the same rounding between rows and columns.
//
// # Libraries
//
// TIFF, WebP and BMP are decoded by golang.org/x/image. A lossy WebP's colours differ from libwebp's where they meet, as image/jpeg's do.
//
// JPEGs are decoded by libjpeg-turbo where this machine has its TurboJPEG library (Debian: apt-get install libturbojpeg0; it is looked for when the program runs, so that the build needs neither it nor its headers), else by Go's image/jpeg, which reads about half as many images. Their pixels differ by rounding, and where colours meet: image/jpeg repeats the subsampled chroma, libjpeg-turbo interpolates it. Large JPEGs are decoded by libjpeg-turbo at 1/2, 1/4 or 1/8 as long as that leaves twice the canvas.
//
// # Errors
//
// An error says that the image is broken, and how; an [Unread] that it may be whole, of a kind that is not read. No file makes this package panic, and none makes it take memory for more than 89 478 485 pixels.
package picture
