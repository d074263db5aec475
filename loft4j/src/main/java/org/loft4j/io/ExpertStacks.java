package org.loft4j.io;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * A source whose experts have matrices of their own ({@code mlp.experts.0.gate_proj.weight}), read as the tensors that Transformers 5
 * computes with: {@code mlp.experts.gate_up_proj}, {@code (experts, 2·width, hidden)} with each gate before its up, and {@code
 * mlp.experts.down_proj}, {@code (experts, hidden, width)}. It has the names of both.
 */
public final class ExpertStacks implements TensorSource {
    private static final Pattern PART =
            Pattern.compile("(.*\\bexperts)\\.(0|[1-9]\\d{0,5})\\.(gate_proj|up_proj|down_proj)\\.weight");
    private static final String DOWN = "down_proj";

    private final TensorSource source;
    private final Map<String, Integer> stacks = new TreeMap<>();
    private final Set<String> names;

    private ExpertStacks(TensorSource source) {
        this.source = source;
        for (String name : source.names()) {
            Matcher part = PART.matcher(name);
            if (part.matches()) {
                String stack = stack(part);
                if (!source.names().contains(stack)) {
                    stacks.merge(stack, Integer.parseInt(part.group(2)) + 1, Math::max);
                }
            }
        }
        Set<String> all = new TreeSet<>(source.names());
        all.addAll(stacks.keySet());
        this.names = Collections.unmodifiableSet(all);
    }

    /** The source itself where its experts lie in one tensor, or where there are none. */
    public static TensorSource of(TensorSource source) {
        return source.names().stream().anyMatch(ExpertStacks::isPart) ? new ExpertStacks(source) : source;
    }

    /** Whether a name is that of one expert's matrix. */
    public static boolean isPart(String name) {
        return PART.matcher(name).matches();
    }

    /** The tensor of all experts that a matrix of one belongs in; null for other names. */
    public static @Nullable String stackOf(String name) {
        Matcher part = PART.matcher(name);
        return part.matches() ? stack(part) : null;
    }

    private static String stack(Matcher part) {
        return part.group(1) + (part.group(3).equals(DOWN) ? ".down_proj" : ".gate_up_proj");
    }

    /**
     * The matrix of one expert, a view.
     *
     * @param all {@code (experts, 2·width, hidden)} or {@code (experts, hidden, width)}
     * @param name of the expert's matrix
     */
    public static Tensor part(Tensor all, String name) {
        Matcher part = PART.matcher(name);
        if (!part.matches()) {
            throw new IllegalArgumentException(name + " is no matrix of one expert");
        }
        Tensor one = all.select(0, Long.parseLong(part.group(2)));
        if (part.group(3).equals(DOWN)) {
            return one;
        }
        long width = one.size(0) / 2;
        return one.narrow(0, part.group(3).equals("gate_proj") ? 0 : width, width);
    }

    @Override
    public Path path() {
        return source.path();
    }

    @Override
    public Set<String> names() {
        return names;
    }

    /** The matrices of one expert, one on the other. */
    private static List<String> parts(String stack, int expert) {
        int end = stack.lastIndexOf('.');
        String module = stack.substring(0, end) + "." + expert + ".";
        return stack.endsWith(DOWN)
                ? List.of(module + "down_proj.weight")
                : List.of(module + "gate_proj.weight", module + "up_proj.weight");
    }

    /** @throws CheckpointException also if an expert has not all of its matrices, or another shape or type than the first */
    @Override
    public TensorInfo info(String name) throws CheckpointException {
        Integer experts = stacks.get(name);
        if (experts == null) {
            return source.info(name);
        }
        List<String> first = parts(name, 0);
        TensorInfo one = matrix(first.get(0));
        for (int expert = 0; expert < experts; expert++) {
            for (String part : parts(name, expert)) {
                TensorInfo info = matrix(part);
                if (info.dtype() != one.dtype() || !Arrays.equals(info.shape(), one.shape())) {
                    throw new CheckpointException(
                            source.path(),
                            part + " must have the type and shape of " + first.get(0) + ", as all experts of a layer");
                }
            }
        }
        long[] shape = {experts, one.shape()[0] * first.size(), one.shape()[1]};
        return new TensorInfo(
                name,
                one.dtype(),
                shape,
                shape[0] * shape[1] * shape[2] * one.dtype().bytes());
    }

    private TensorInfo matrix(String part) throws CheckpointException {
        if (!source.names().contains(part)) {
            throw new CheckpointException(
                    source.path(), part + " is missing, and other experts of its layer are there");
        }
        TensorInfo info = source.info(part);
        if (info.shape().length != 2) {
            throw new CheckpointException(source.path(), part + " must be a matrix");
        }
        return info;
    }

    @Override
    public Tensor read(String name) throws CheckpointException {
        Integer experts = stacks.get(name);
        return experts == null ? source.read(name) : read(name, 0, experts);
    }

    @Override
    public Tensor read(String name, long start, long count) throws CheckpointException {
        if (!stacks.containsKey(name)) {
            return source.read(name, start, count);
        }
        TensorInfo info = info(name);
        DeviceSpec device = DeviceSpec.of(source.read(parts(name, 0).get(0), 0, 1));
        Tensor all = Tensors.empty(info.dtype(), device, count, info.shape()[1], info.shape()[2]);
        for (int i = 0; i < count; i++) {
            try (NativeScope one = new NativeScope()) {
                List<Tensor> parts = new ArrayList<>();
                for (String part : parts(name, Math.toIntExact(start + i))) {
                    parts.add(source.read(part));
                }
                long rows = info.shape()[1] / parts.size();
                for (int part = 0; part < parts.size(); part++) {
                    all.select(0, i).narrow(0, part * rows, rows).copy_(parts.get(part));
                }
            }
        }
        return all;
    }

    @Override
    public void close() {
        source.close();
    }
}
