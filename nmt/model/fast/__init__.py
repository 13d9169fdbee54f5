"""The recurrences of `nmt.model`, computed as processors like them: same weights, same results.

TensorFlow's own gradient of a recurrence multiplies with transposed weights and adds to the
weights' gradient at every step. On a CPU, products with a transposed right side run at a third
of the speed of the others at these sizes. The gradients here transpose the weights once per batch,
and gather what belongs to the weights into one product over all steps after the loop. On a GPU
they launch half as many kernels (`docs/results/launches.md`).

    encoder, decoder     the layers, subclasses of those of `nmt.model`
    scan                 the loop over all steps, and the loop of its gradient
    operations           what a step is made of, with gradients: products, gates, attention
    matmul               products that are padded, precomputed, normalised

`nmt.model.seq2seq` alone imports this package, and chooses between these layers and the plain ones.
"""

from nmt.model.fast.decoder import AttentionDecoder, StackedDecoder
from nmt.model.fast.encoder import BidirectionalGRU

LAYERS = BidirectionalGRU, AttentionDecoder, StackedDecoder
