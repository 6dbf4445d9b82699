package picture

import (
	"bytes"
	"image"
)

// isAnimated tells whether a WebP's first chunk is the extended header, VP8X, with the bit for animation.
func isAnimated(file []byte) bool {
	const chunk, flags, animation = 12, 20, 0x02
	return len(file) > flags && bytes.HasPrefix(file[chunk:], []byte("VP8X")) && file[flags]&animation != 0
}

// vp8 is a lossy WebP. Its YCbCr is video's, of 16 to 235, where image.YCbCr's colours are JPEG's, of 0 to 255; each chroma sample
// stands for 2x2 pixels.
type vp8 struct{ *image.YCbCr }

func (m vp8) bounds() (int, int) { return boundsOf(m) }

func (m vp8) row(y int, buf []uint8) []uint8 {
	w, _ := boundsOf(m)
	at, chroma := m.YOffset(0, y), m.COffset(0, y)
	for x, luma := range m.Y[at : at+w] {
		c := chroma + x/2
		buf[3*x], buf[3*x+1], buf[3*x+2] = videoToRGB(int(luma), int(m.Cb[c]), int(m.Cr[c]))
	}
	return buf[:3*w]
}

// videoToRGB converts by ITU-R BT.601, in libwebp's fixed point: 14 bits of fraction, of which the products drop 8.
func videoToRGB(y, cb, cr int) (r, g, b uint8) {
	luma := 19077 * y >> 8
	return clip(luma + 26149*cr>>8 - 14234),
		clip(luma - 6419*cb>>8 - 13320*cr>>8 + 8708),
		clip(luma + 33050*cb>>8 - 17685)
}

func clip(v int) uint8 { return uint8(min(max(v>>6, 0), 255)) }
