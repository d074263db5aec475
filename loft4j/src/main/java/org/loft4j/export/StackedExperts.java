package org.loft4j.export;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.export.TensorPlace.Change;
import org.loft4j.io.GgufTensor;
import org.loft4j.io.GgufType;
import org.loft4j.io.TensorInfo;
import org.loft4j.io.TensorSource;

/**
 * The experts of gpt-oss: all of a layer's in one tensor, gates and ups in turn, be it in MXFP4, which GGUF has a type for, or
 * transposed.
 */
final class StackedExperts {
    private static final String PATH = "mlp.experts.";
    private static final String BLOCKS = "_blocks";
    private static final String EXPONENTS = "_scales";

    private static final Map<String, Map<String, Change>> PARTS = Map.of(
            "gate_up_proj",
            Map.of("ffn_gate_exps", Change.GATES, "ffn_up_exps", Change.UPS),
            "down_proj",
            Map.of("ffn_down_exps", Change.EXPERTS));

    private StackedExperts() {}

    /** What becomes of a tensor of a block; nothing where it is read with another; null where it is none of experts. */
    static @Nullable List<TensorPlace> places(String block, String name) {
        String part = name.startsWith(PATH) ? name.substring(PATH.length()) : "";
        Map<String, Change> parts = PARTS.get(part.replaceFirst("(_bias|" + BLOCKS + "|" + EXPONENTS + ")$", ""));
        if (parts == null) {
            return null;
        }
        String suffix = part.endsWith("_bias") ? ".bias" : ".weight";
        return part.endsWith(EXPONENTS)
                ? List.of()
                : parts.entrySet().stream()
                        .map(each -> new TensorPlace(block + each.getKey() + suffix, each.getValue()))
                        .toList();
    }

    /** The names within a block. */
    static List<String> required() {
        return PARTS.values().stream()
                .flatMap(parts -> parts.keySet().stream())
                .flatMap(part -> List.of(part + ".weight", part + ".bias").stream())
                .toList();
    }

    static boolean isPacked(String name) {
        return name.endsWith(BLOCKS);
    }

    /** Of a tensor that is not packed: {@code (experts, in, out)} becomes {@code (experts, out, in)}, and biases stay {@code (experts, out)}. */
    static long[] shape(long[] shape, Change change) {
        long out = shape[shape.length - 1] / (change == Change.EXPERTS ? 1 : 2);
        return shape.length == 2 ? new long[] {shape[0], out} : new long[] {shape[0], out, shape[1]};
    }

    /** The values of that shape. */
    static Tensor values(Tensor all, Change change) {
        Tensor some = change == Change.EXPERTS
                ? all
                : all.unflatten(-1, all.size(-1) / 2, 2).select(-1, change == Change.GATES ? 0 : 1);
        return some.dim() == 2 ? some : some.transpose(1, 2);
    }

    /**
     * The tensor that a file has in two, bit for bit: {@code (experts, out, blocks, 16)} codes and {@code (experts, out, blocks)}
     * exponents. A byte has two codes that follow each other there, and here those of the first and the second half of a block,
     * behind its exponent.
     */
    static GgufTensor packed(TensorSource source, TensorInfo info, TensorPlace place) throws CheckpointException {
        String exponents = info.name().replaceFirst(BLOCKS + "$", EXPONENTS);
        source.info(exponents);
        long[] of = info.shape();
        int step = place.change() == Change.EXPERTS ? 1 : 2;
        long[] shape = {of[0], of[1] / step, of[2] * GgufType.MXFP4.blockSize()};
        List<GgufTensor.Values> parts = new ArrayList<>();
        for (long i = 0; i < shape[0]; i++) {
            long expert = i;
            parts.add(() -> {
                Tensor codes = source.read(info.name(), expert, 1);
                Tensor powers = source.read(exponents, expert, 1).unsqueeze(-1);
                Tensor blocks = torch.cat(new TensorVector(powers, inHalves(codes)), -1);
                long first = place.change() == Change.UPS ? 1 : 0;
                return blocks.unflatten(1, shape[1], step).select(2, first).flatten(2, 3);
            });
        }
        return new GgufTensor(place.name(), shape, GgufType.MXFP4, parts);
    }

    private static Tensor inHalves(Tensor codes) {
        Tensor low = codes.bitwise_and(new Scalar(15));
        Tensor high = codes.floor_divide(new Scalar(16));
        Tensor inOrder = torch.stack(new TensorVector(low, high), -1).flatten(-2, -1);
        long half = codes.size(-1);
        return inOrder.narrow(-1, 0, half).add(inOrder.narrow(-1, half, half).mul(new Scalar(16)));
    }
}
