package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.CheckpointException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class TiedHeadTest {
    /** A source of one row a strip. */
    private static TensorMap source(Tensor head, Tensor embedding) {
        return new TensorMap(Path.of("model"), Map.of("lm_head.weight", head, "embed.weight", embedding));
    }

    private static boolean isCopy(Tensor head, Tensor embedding) throws CheckpointException {
        return TiedHead.isCopy(source(head, embedding), "lm_head.weight", "embed.weight");
    }

    @Test
    void theLastNumberOfTheLastStripCounts() throws Exception {
        try (NativeScope scope = new NativeScope()) {
            Tensor one = Tensors.zeros(Dtype.U8, DeviceSpec.CPU, 3, 1 << 22);
            Tensor other = one.clone();
            assertTrue(isCopy(one, other));
            other.select(0, 2).select(0, (1 << 22) - 1).fill_(new Scalar(1));
            assertFalse(isCopy(one, other));
            assertDoesNotThrow(() -> TiedHead.requireCopy(source(one, one), "lm_head.weight", "embed.weight"));
            CheckpointException refused = assertThrows(
                    CheckpointException.class,
                    () -> TiedHead.requireCopy(source(one, other), "lm_head.weight", "embed.weight"));
            assertEquals(
                    "model: lm_head.weight is not embed.weight, although tie_word_embeddings, or the family where"
                            + " config.json is silent, makes one of them: Transformers 4 drops the former, and 5 keeps both;"
                            + " set tie_word_embeddings to false to keep it, or remove it from the file",
                    refused.getMessage());
        }
    }

    @Test
    void theShapeCountsAndTheTypeDoesNot() throws Exception {
        try (NativeScope scope = new NativeScope()) {
            Tensor wide = Tensors.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
            assertTrue(isCopy(wide.to(Dtype.BF16.scalarType()), wide));
            assertFalse(isCopy(wide.add(new Scalar(1e-3)), wide.to(Dtype.BF16.scalarType())));
            assertFalse(isCopy(wide.view(3, 2), wide));
            assertFalse(isCopy(wide, Tensors.of(new float[] {1, 2, 3}, 1, 3)));
        }
    }
}
