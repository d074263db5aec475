package org.loft4j.nn;

import java.util.List;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * The matrices of layers of one input, those of one below those of the other, which stay where they are: each computes its own outputs.
 *
 * @param modules the layers, in order
 */
public record JoinedWeight(List<Linear> modules) implements WeightMatrix {
    public JoinedWeight {
        modules = List.copyOf(modules);
    }

    /** Of a layer the names of the parameters that hold its matrix, in the order of its rows. */
    public static List<String> parametersOf(Linear layer) {
        return layer.matrix() instanceof JoinedWeight joined
                ? joined.modules().stream()
                        .map(module -> StackedLinears.weightOf(module.path()))
                        .toList()
                : List.of(StackedLinears.weightOf(layer.path()));
    }

    private WeightMatrix first() {
        return modules.get(0).matrix();
    }

    @Override
    public long out() {
        return modules.stream().mapToLong(Linear::outFeatures).sum();
    }

    @Override
    public long in() {
        return first().in();
    }

    @Override
    public Dtype dtype() {
        return first().dtype();
    }

    @Override
    public DeviceSpec device() {
        return first().device();
    }

    @Override
    public Tensor dense() {
        return joined(modules.stream().map(Linear::weight).toArray(Tensor[]::new), 0);
    }

    @Override
    public Tensor product(Tensor x, @Nullable Tensor bias) {
        Tensor y = joined(
                modules.stream().map(module -> module.matrix().product(x, null)).toArray(Tensor[]::new), -1);
        return bias == null ? y : y.add(bias);
    }

    @Override
    public Tensor gradientOfInput(Tensor gradient) {
        Tensor sum = null;
        long start = 0;
        for (Linear module : modules) {
            Tensor part = module.matrix().gradientOfInput(gradient.narrow(-1, start, module.outFeatures()));
            sum = sum == null ? part : sum.add(part);
            start += module.outFeatures();
        }
        return Objects.requireNonNull(sum);
    }

    private static Tensor joined(Tensor[] parts, long dimension) {
        return parts.length == 1 ? parts[0] : torch.cat(new TensorVector(parts), dimension);
    }

    /** What {@link #dense} gives is no memory of theirs. */
    @Override
    public boolean isWritable() {
        return false;
    }

    @Override
    public boolean takesValues() {
        return modules.stream().allMatch(module -> module.matrix().takesValues());
    }

    @Override
    public void write(Tensor values) {
        long start = 0;
        for (Linear module : modules) {
            module.matrix().write(values.narrow(0, start, module.outFeatures()));
            start += module.outFeatures();
        }
    }

    @Override
    public long version() {
        return modules.stream().mapToLong(module -> module.matrix().version()).sum();
    }
}
