package org.loft4j.model.vit;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.nn.Dropout;
import org.loft4j.nn.Weights;

/**
 * An image as a sequence; Dosovitskiy et al. 2020 (arXiv:2010.11929), equation 1: the class's vector and a projection of each
 * patch, row by row from the top left, each with its position's vector.
 */
final class PatchEmbeddings {
    private final VitConfig config;
    private final Tensor classToken;
    private final Tensor positions;
    private final Tensor weight;
    private final Tensor bias;

    PatchEmbeddings(VitConfig config, Weights weights) {
        this.config = config;
        this.classToken = weights.get(VitWeights.CLASS_TOKEN);
        this.positions = weights.get(VitWeights.POSITIONS);
        this.weight = weights.get(VitWeights.PATCHES + ".weight");
        this.bias = weights.get(VitWeights.PATCHES + ".bias");
    }

    /** Maps {@code (batch, channels, height, width)} to {@code (batch, 1 + patches, hidden)}. */
    Tensor forward(Tensor pixels, boolean training) {
        // the patches do not overlap, so their convolution is a product with each patch laid out flat
        Tensor patches = torch.linear(patches(pixels), weight.flatten(1, 3), new TensorOptional(bias));
        Tensor first = classToken.expand(pixels.size(0), -1, -1);
        Tensor sequence = torch.cat(new TensorVector(first, patches), 1).add(positions);
        return Dropout.apply(sequence, config.hiddenDropout(), training);
    }

    /** {@code (batch, patches, channels·patch height·patch width)}. */
    private Tensor patches(Tensor pixels) {
        long height = config.patch().height();
        long width = config.patch().width();
        return pixels.view(
                        pixels.size(0), pixels.size(1), pixels.size(2) / height, height, pixels.size(3) / width, width)
                .permute(0, 2, 4, 1, 3, 5)
                .flatten(3, 5)
                .flatten(1, 2);
    }
}
