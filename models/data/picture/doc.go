// Package picture turns the bytes of an image file into a canvas: RGB pixels squeezed to a square, whatever the file holds.
//
// JPEG, PNG, TIFF (the first page; 1, 8 and 16 bits), WebP (still) and BMP are read. The content of a file decides which it is, never its name. The pixels are those of torchvision's ImageFolder, which are Pillow's convert("RGB"):
//
//   - gray becomes three equal channels; a palette its colours;
//   - alpha is dropped, not composited: the colours under it stay;
//   - CMYK and YCCK JPEGs are taken as Adobe writes them, inverted, with or without Adobe's marker, and become RGB by (255-C)(255-K)/255;
//   - 16-bit colour loses its low byte; 16-bit gray is clipped at 255, which Pillow does and which leaves most of it white;
//   - EXIF orientation is ignored.
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
// An error says that the image is broken, and how. No file makes this package panic, and none makes it take memory for more than 89 478 485 pixels.
package picture
