package run

// LabelFree is what an evaluation finds without labels: of images as they are, and of two random views of each, which stay
// the same from one evaluation to the next.
type LabelFree struct {
	// Images is how many were judged; HeldOut is false where they are training images, for want of held-out ones. Compare
	// figures of as many images only: all but Alignment depend on the number.
	Images  int  `json:"images"`
	HeldOut bool `json:"held_out"`
	// Backbone is of the pooled features, Projection of the embeddings; nil where the encoder has no head.
	Backbone   Geometry  `json:"backbone"`
	Projection *Geometry `json:"projection,omitempty"`
}

// Headline is the projection's geometry, or the backbone's where there is no projection. The loss acts on the projection, and
// its figures order the checkpoints of a run most like the backbone's kNN accuracy does.
func (l LabelFree) Headline() Geometry {
	if l.Projection != nil {
		return *l.Projection
	}
	return l.Backbone
}

// Geometry is how features lie in their space.
type Geometry struct {
	// Rank is the effective rank of the features of the images as they are (RankMe, Garrido et al. 2023): how many directions
	// the features use, from 1 to the smaller of their number and their length. More is better.
	Rank Float `json:"rank"`
	// Alignment is the mean squared distance of the unit features of an image's two views (Wang and Isola 2020, alpha 2): from
	// 0, where the views are the same to the encoder, to 4.
	Alignment Float `json:"alignment"`
	// Uniformity is the logarithm of the mean of exp(-2 d^2) over the distances d of different images' unit features, of one
	// view each, averaged over the two views (Wang and Isola 2020, t 2): from 0, where all are the same, to about -4, which
	// features even over a sphere of many dimensions have. Less is better.
	Uniformity Float `json:"uniformity"`
	// Retrieval is the percentage of images whose first view is nearer to their own second view than to that of any other
	// image.
	Retrieval Float `json:"retrieval"`
}
