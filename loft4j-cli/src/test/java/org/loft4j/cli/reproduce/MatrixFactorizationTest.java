package org.loft4j.cli.reproduce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import org.junit.jupiter.api.Test;

class MatrixFactorizationTest {
    @Test
    void everyMethodComesNearATargetOfItsRank() {
        Findings findings = new MatrixFactorization(
                        new MatrixFactorization.Shape(24, 16, 2, 150), List.of(0L), List.of(0.1))
                .run(line -> {});
        JsonNode values = new ObjectMapper().valueToTree(findings.values());
        for (MatrixContestant contestant : MatrixContestant.values()) {
            JsonNode curve = values.at("/loss_by_seed_and_step/" + contestant.word() + "/0.1/0");
            double last = values.at("/final_loss/" + contestant.word() + "/0.1").asDouble();
            assertEquals(151, curve.size());
            assertEquals(curve.get(150).asDouble(), last, 1e-9 * last, contestant.word());
            assertTrue(last < 0.1 * curve.get(0).asDouble(), contestant.word() + ": " + last);
        }
        double ratio = values.at("/max_ratio_from_step_50/loft/0.1").asDouble();
        assertTrue(ratio > 0 && ratio <= 2, "LoFT's error is " + ratio + " times that of full AdamW");
    }

    @Test
    void theRatioTakesBothErrorsAsConvergedBelowTheFloorAndNoNumberForTheWorst() {
        double[] reference = new double[60];
        double[] loss = new double[60];
        java.util.Arrays.fill(reference, 1e-15);
        java.util.Arrays.fill(loss, 1e-13);
        loss[3] = 1;
        assertEquals(1, MatrixFactorization.maxRatio(loss, reference));
        loss[55] = 3e-12;
        assertEquals(3, MatrixFactorization.maxRatio(loss, reference), 1e-9);
        loss[56] = Double.NaN;
        assertEquals(Double.POSITIVE_INFINITY, MatrixFactorization.maxRatio(loss, reference));
    }

    @Test
    void ofRunsThatEndBeforeThereIsNoRatio() {
        assertTrue(Double.isNaN(MatrixFactorization.maxRatio(new double[50], new double[50])));
        Findings findings = new MatrixFactorization(
                        new MatrixFactorization.Shape(24, 16, 2, 3), List.of(0L), List.of(0.1))
                .run(line -> {});
        String table = findings.tables().get(0).text();
        assertTrue(table.lines().anyMatch(line -> line.contains("LoFT / full AdamW") && line.endsWith("–")), table);
    }
}
