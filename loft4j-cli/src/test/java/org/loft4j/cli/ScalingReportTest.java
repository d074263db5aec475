package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.cli.bench.BenchModel;
import org.loft4j.cli.bench.ScalingBench;
import org.loft4j.cli.bench.ScalingBench.MatrixCost;
import org.loft4j.cli.bench.ScalingBench.StepCost;
import org.loft4j.io.Json;

class ScalingReportTest {
    private static ScalingReport report() {
        List<MatrixCost> matrices = new ArrayList<>();
        for (int size : new int[] {512, 2048}) {
            for (int rank : new int[] {1, 4, 16, 64}) {
                double multiplications = (double) size * size * (rank * (rank + 1) / 2.0 + 2 * rank);
                matrices.add(new MatrixCost(size, size, rank, multiplications * 2e-11, 1e-6 * rank));
            }
        }
        List<StepCost> steps = new ArrayList<>();
        for (int rows : new int[] {1, 2, 4, 8, 16}) {
            steps.add(new StepCost(BenchModel.BENCH.withBatch(rows), 0.2 * rows, 0.4 / rows));
        }
        return new ScalingReport(new ScalingBench.Result(matrices, steps, 200));
    }

    @Test
    void whatWasMeasuredStandsBesideWhatIsFitted() throws Exception {
        JsonNode tree = new ObjectMapper().readTree(Json.text(report().tree()));
        JsonNode last = tree.get("matrices").get(7);
        assertEquals(64, last.get("rank").asInt());
        assertEquals(last.get("loft").asDouble(), last.get("fitted").asDouble(), 1e-9);
        assertEquals(0.8, tree.get("steps").get(2).get("fitted").asDouble(), 1e-9);
        assertEquals(0.1, tree.get("steps").get(2).get("overhead").asDouble());
        assertEquals(14, tree.get("foretold").size());
        JsonNode atRank64 = tree.get("foretold").get(6);
        double overhead = atRank64.get("overhead_at_tokens").get("1024").asDouble();
        assertEquals(
                overhead / 16, atRank64.get("overhead_at_tokens").get("16384").asDouble(), 1e-3 * overhead);
        assertEquals(
                1024 * overhead / 0.1, atRank64.get("tokens_for_ten_percent").asDouble(), 512);
    }

    @Test
    void whereTheOverheadIsLargeItSaysWhatBringsItBack() {
        String text = report().text();
        assertTrue(text.contains("tokens for 10 %"), text);
        assertTrue(text.contains("70 B"), text);
        assertTrue(text.contains("--accumulate"), text);
        assertTrue(text.contains("loft-simple"), text);
    }
}
