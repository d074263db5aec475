package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.cli.demo.DemoModel;
import org.loft4j.cli.demo.DemoRun;
import org.loft4j.cli.report.Curve;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Method;

class DemoCommandTest {
    @TempDir
    Path directory;

    @Test
    void helpNamesTheDefaults() {
        Captured call = Captured.loft("demo", "--help");
        assertEquals(0, call.status());
        assertTrue(call.out().contains("--quick"), call.out());
        assertTrue(call.out().contains("Default: loft,lora."), call.out());
        assertTrue(call.out().contains("Default: loft-demo."), call.out());
    }

    /** JSON has no word for a loss that is not finite. */
    @Test
    void aRunThatWasGivenUpIsValidJson() throws IOException {
        Evaluation test = new Evaluation(Double.NaN, Map.of("accuracy", 0.5), 12, 1);
        DemoRun given =
                new DemoRun(Method.LORA, 1e3, 7, new Curve(), new Curve(), test, 1, 1, 100, "no step was finite");
        DemoRun whole = new DemoRun(Method.LOFT, 1e3, 7, new Curve(), new Curve(), test, 1, 1, 2, null);
        JsonNode runs = new ObjectMapper().readTree(DemoCommand.json(DemoModel.MINILM, List.of(given, whole)));
        assertTrue(runs.get(0).get("loss").isNull(), runs.toString());
        assertEquals("no step was finite", runs.get(0).get("failure").textValue());
        assertEquals(100, runs.get(0).get("skipped_steps").intValue());
        assertTrue(runs.get(1).get("failure").isNull(), runs.toString());
    }

    @Test
    void allThatIsWrongIsSaidBeforeAnythingIsFetchedOrWritten() {
        Path output = directory.resolve("out");
        Captured call = Captured.loft(
                "demo", "--methods", "loft,magic", "--rank", "0", "--epochs", "0", "--output", output.toString());
        assertEquals(2, call.status());
        assertTrue(call.err().contains("method must be one of loft, "), call.err());
        assertTrue(call.err().contains(", full, got magic"), call.err());
        assertTrue(call.err().contains("rank must be at least 1, got 0"), call.err());
        assertTrue(call.err().contains("epochs must be at least 1, got 0"), call.err());
        assertFalse(Files.exists(output));
    }
}
