// Package files is the image files of a data set: [Open] lists them, without looking into them, and a [Stream] decodes them
// when they are asked for.
//
// Open takes what it finds:
//
//   - a folder for each class (torchvision's ImageFolder): ImageNet's and ImageNet-mini's train/n01440764/*.JPEG and val/...;
//   - a folder of images without classes;
//   - WebDataset shards, *.tar or *.tar.gz: the files of a sample have a name in common up to its first dot, and its class is the number in the .cls file.
//
// The splits are folders, train and val (or validation, valid, test) in small or large letters, or part of the shards' names; without them everything is "train". Names that start with a dot, and files without an image's extension, are skipped; of the latter, HEIC and AVIF images in folders are counted: [List.Skipped].
//
// # Order
//
// Folders are walked in the order of the names' bytes, which is torchvision's; shards are read in that order, too. The order decides the numbers of the images and of the classes, and so everything that is drawn for an image.
//
// # Memory
//
// A worker of a stream holds one file and one decoded image; nothing is kept between images, so memory does not grow with the set.
//
// # Broken images
//
// The next image in the list that can be decoded stands in for a broken one, under its number, so that what an index gives depends on the files alone. Each is reported once; from one in a hundred on, a stream fails.
//
// # Errors
//
// [data.ErrMissing] where there is no image, [data.ErrCorrupt] for shards that break their format and for folders that must be a mistake: empty classes, links in a circle, images beside folders of images. A broken image is found by whoever decodes it.
package files
