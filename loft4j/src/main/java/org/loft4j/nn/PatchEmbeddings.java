package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.InterpolateFuncOptions;
import org.bytedeco.pytorch.LongVector;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.kBicubic;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * An image as a sequence; Dosovitskiy et al. 2020 (arXiv:2010.11929), equation 1: the class's vector and a projection of each
 * patch, row by row from the top left, each with its position's vector. What is left of an image beside its last whole patch is
 * not seen.
 */
public final class PatchEmbeddings {
    private final Parts parts;
    private final ImageShape made;
    private final OtherSizes others;
    private final double dropout;

    /** What becomes of images of another size than that which the model was made for. */
    public enum OtherSizes {
        /** They are refused. */
        REFUSED,
        /** The positions of the patches are interpolated, bicubic, in float32. */
        BICUBIC,
        /** The same, with a wider kernel where there are fewer patches, which keeps each position's share. */
        BICUBIC_ANTIALIASED
    }

    /**
     * The parameters.
     *
     * @param first {@code (1, 1, hidden)} each: that of the class, and what stands beside it before the patches
     * @param registers {@code (1, count, hidden)} between these and the patches, without positions; Darcet et al. 2023
     *     (arXiv:2309.16588); null for none
     * @param positions {@code (1, first + patches, hidden)}
     * @param weight {@code (hidden, channels, patch height, patch width)}
     * @param bias {@code (hidden)}
     */
    public record Parts(List<Tensor> first, @Nullable Tensor registers, Tensor positions, Tensor weight, Tensor bias) {
        public Parts {
            first = List.copyOf(first);
        }
    }

    /**
     * @param made the images that the positions were learnt on
     * @param dropout of the sequence, while training
     */
    public PatchEmbeddings(Parts parts, ImageShape made, OtherSizes others, double dropout) {
        this.parts = parts;
        this.made = made;
        this.others = others;
        this.dropout = dropout;
    }

    /** The images that the positions were learnt on. */
    public ImageShape made() {
        return made;
    }

    /** The number of states of such an image; 0 if such are not read. */
    public long states(ImageShape image) {
        boolean read = others == OtherSizes.REFUSED ? image.equals(made) : image.channels() == made.channels();
        long patches = rows(image.height()) * columns(image.width());
        return read && patches > 0 ? beforePatches() + patches : 0;
    }

    /** The number of vectors before those of the patches. */
    public long beforePatches() {
        Tensor registers = parts.registers();
        return parts.first().size() + (registers == null ? 0 : registers.size(1));
    }

    /** Maps {@code (batch, channels, height, width)} to {@code (batch, before + patches, hidden)}. */
    public Tensor forward(ImageInput input, Dtype dtype, boolean training) {
        check(input);
        Tensor pixels = input.pixelValues().to(dtype.scalarType());
        long batch = pixels.size(0);
        // the patches do not overlap, so their convolution is a product with each patch laid out flat
        Tensor patches = torch.linear(patches(pixels), parts.weight().flatten(1, 3), new TensorOptional(parts.bias()));
        List<Tensor> all = new ArrayList<>();
        parts.first().forEach(vector -> all.add(vector.expand(batch, -1, -1)));
        all.add(patches);
        Tensor placed = cat(all).add(positions(rows(pixels.size(2)), columns(pixels.size(3))));
        Tensor registers = parts.registers();
        if (registers != null) {
            long first = parts.first().size();
            placed = cat(List.of(
                    placed.narrow(1, 0, first),
                    registers.expand(batch, -1, -1),
                    placed.narrow(1, first, patches.size(1))));
        }
        return Dropout.apply(placed, dropout, training);
    }

    private void check(ImageInput input) {
        if (others == OtherSizes.REFUSED) {
            input.check(made.channels(), made.height(), made.width());
            return;
        }
        input.check(made.channels(), -1, -1);
        Tensor pixels = input.pixelValues();
        if (rows(pixels.size(2)) == 0 || columns(pixels.size(3)) == 0) {
            throw new ShapeException("pixel_values must be as large as a patch at least, got "
                    + Shapes.text(Shapes.of(pixels)) + " and patches of "
                    + parts.weight().size(2) + "×"
                    + parts.weight().size(3));
        }
    }

    private long rows(long height) {
        return height / parts.weight().size(2);
    }

    private long columns(long width) {
        return width / parts.weight().size(3);
    }

    /** {@code (batch, patches, channels·patch height·patch width)}. */
    private Tensor patches(Tensor pixels) {
        long height = parts.weight().size(2);
        long width = parts.weight().size(3);
        long rows = rows(pixels.size(2));
        long columns = columns(pixels.size(3));
        return pixels.narrow(2, 0, rows * height)
                .narrow(3, 0, columns * width)
                .reshape(pixels.size(0), pixels.size(1), rows, height, columns, width)
                .permute(0, 2, 4, 1, 3, 5)
                .flatten(3, 5)
                .flatten(1, 2);
    }

    /** {@code (1, first + rows·columns, hidden)}. */
    private Tensor positions(long rows, long columns) {
        Tensor learnt = parts.positions();
        long madeRows = rows(made.height());
        long madeColumns = columns(made.width());
        if (rows == madeRows && columns == madeColumns) {
            return learnt;
        }
        long first = parts.first().size();
        Tensor grid = learnt.narrow(1, first, madeRows * madeColumns)
                .unflatten(1, madeRows, madeColumns)
                .permute(0, 3, 1, 2)
                .to(Dtype.F32.scalarType());
        Tensor scaled = torch.interpolate(grid, bicubic(rows, columns))
                .to(Dtype.of(learnt).scalarType())
                .permute(0, 2, 3, 1)
                .flatten(1, 2);
        return cat(List.of(learnt.narrow(1, 0, first), scaled));
    }

    private InterpolateFuncOptions bicubic(long rows, long columns) {
        InterpolateFuncOptions options = new InterpolateFuncOptions();
        options.size().put(new LongVector(rows, columns));
        options.mode().put(new kBicubic());
        options.align_corners().put(false);
        options.antialias().put(others == OtherSizes.BICUBIC_ANTIALIASED);
        return options;
    }

    private static Tensor cat(List<Tensor> parts) {
        return torch.cat(new TensorVector(parts.toArray(Tensor[]::new)), 1);
    }
}
