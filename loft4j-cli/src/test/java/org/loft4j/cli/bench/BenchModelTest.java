package org.loft4j.cli.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.Linear;
import org.loft4j.tensor.Dtype;

class BenchModelTest {
    /** The same count, layer by layer from the shapes of the model itself. */
    @Test
    void theOperationsOfAStepAreThoseOfItsLayers() {
        long tokens = BenchModel.BENCH.batchShape()[0] * BenchModel.BENCH.batchShape()[1];
        double expected = 0;
        try (CausalDecoder model = BenchModel.BENCH.open(Dtype.BF16)) {
            for (Linear layer : model.linears().values()) {
                double matrix = (double) layer.inFeatures() * layer.outFeatures();
                boolean head = layer == model.head();
                // nobody needs the gradient of the input of the first layer's q, k and v
                boolean first = layer.path().matches(".*layers\\.0\\.self_attn\\.[qkv]_proj");
                expected += 2 * tokens * matrix * (first ? 1 : 2);
                expected += head ? 0 : 2 * tokens * 3 * 16.0 * (layer.inFeatures() + layer.outFeatures());
            }
            // for each head and layer 256 × 257 / 2 pairs, about half of 256², scored and summed, three times in all
            double pairs = 4 * 256.0 * 256 / 2;
            expected += 3 * 8 * 2 * 2 * pairs * 512;
        }
        assertEquals(expected, BenchModel.BENCH.loraStepFlops(16), 1e-9 * expected);
    }

    @Test
    void anUnknownSizeIsRefused() {
        assertThrows(ConfigException.class, () -> BenchModel.parse("size", "huge"));
    }
}
