package moco

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// contrast is what one pair of views gives: the loss and, per image, the figures of it.
type contrast struct {
	loss    *Node // scalar
	figures *Node // [termFigures], batch means: loss, top-1, top-5, positive and negative similarity
}

const termFigures = 5

// infoNCE is the contrastive loss of equation 1 of MoCo v1: queries [N,D] against their own key [N,D] and
// the queue [K,D], all of unit rows. No gradient reaches keys or queue.
func infoNCE(query, key, queue *Node, temperature float64) contrast {
	losses, perImage := contrastImages(query, key, queue, temperature)
	return contrast{loss: ReduceAllMean(losses), figures: StopGradient(ReduceMean(perImage, 0))}
}

// contrastImages is infoNCE before the mean over the batch: the losses [N,1], and the figures [N,termFigures].
func contrastImages(query, key, queue *Node, temperature float64) (losses, perImage *Node) {
	n := query.Shape().Dimensions[0]
	key, queue = StopGradient(key), StopGradient(queue)
	positive := ReduceAndKeep(Mul(query, key), ReduceSum, 1) // [N,1]
	negative := Dot(query, queue).General([]int{1}, nil, []int{1}, nil)
	negative.AssertDims(n, queue.Shape().Dimensions[0])

	peak := StopGradient(Max(ReduceAndKeep(negative, ReduceMax, 1), positive))
	scaled := func(x *Node) *Node { return DivScalar(Sub(x, peak), temperature) }
	sum := Add(ReduceAndKeep(Exp(scaled(negative)), ReduceSum, 1), Exp(scaled(positive)))
	losses = Sub(Log(sum), scaled(positive))

	above := ReduceAndKeep(ConvertDType(GreaterThan(negative, positive), dtypes.Float32), ReduceSum, 1)
	rankBelow := func(k float64) *Node {
		return ConvertDType(LessThan(above, Scalar(above.Graph(), dtypes.Float32, k)), dtypes.Float32)
	}
	perImage = Concatenate([]*Node{
		losses, rankBelow(1), rankBelow(5), positive,
		ReduceAndKeep(negative, ReduceMean, 1),
	}, 1)
	return losses, perImage
}

// spread measures how far keys [N,D] of unit rows lie apart: the standard deviation of each dimension over
// the batch, averaged and scaled by sqrt(D). 1 is uniform on the sphere, 0 a single point.
func spread(keys *Node) *Node {
	d := keys.Shape().Dimensions[1]
	mean := ReduceMean(keys, 0)
	variance := MaxScalar(Sub(ReduceMean(Square(keys), 0), Square(mean)), 0)
	return Sqrt(MulScalar(ReduceAllMean(variance), d))
}

func shape(dtype dtypes.DType, dims ...int) shapes.Shape { return shapes.Make(dtype, dims...) }
