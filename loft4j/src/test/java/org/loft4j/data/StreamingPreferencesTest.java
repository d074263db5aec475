package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StreamingPreferencesTest {
    @TempDir
    Path folder;

    /** The characters of the answers. */
    private static PreferenceDataset encode(List<Row> rows) {
        List<int[]> ids = new ArrayList<>();
        for (Row row : rows) {
            Preference pair = (Preference) row;
            for (Row answer : List.of(pair.chosen(), pair.rejected())) {
                ids.add(((PromptCompletion) answer).completion().chars().toArray());
            }
        }
        return new PreferenceDataset(Dataset.causalLmIds(ids));
    }

    /** A batch has two rows for each pair, one behind the other, and as many pairs as it is to have. */
    @Test
    void pairsStayTogether() throws IOException {
        String lines = IntStream.range(0, 7)
                .mapToObj(
                        i -> "{\"prompt\": \"a\", \"chosen\": \"" + "b".repeat(2 + i) + "\", \"rejected\": \"ccc\"}\n")
                .collect(Collectors.joining());
        Path file = Files.writeString(folder.resolve("pairs.jsonl"), lines);
        RowSource source = DataFiles.stream(new DataReference(file.toString()), Columns.auto());
        StreamingDataset all = new StreamingDataset(source, RowScan.of(source), StreamingPreferencesTest::encode, 4);
        assertTrue(all.hasPreferences());
        assertEquals(7, all.rows());
        try (BatchSource batches = all.batches(3, false, 1, 0)) {
            assertEquals(3, batches.batches());
            for (int number = 0; number < 3; number++) {
                List<MiniBatch> made = batches.get(0, number);
                assertEquals(1, made.size());
                Batch batch = (Batch) made.get(0);
                assertEquals(number < 2 ? 3 : 1, batch.targets());
                assertEquals(2 * batch.targets(), batch.rows());
                assertEquals(0, ((RowFacts.Pairs) batch.facts()).reference().length);
                for (int row = 0; row < batch.rows(); row++) {
                    assertEquals(row % 2 == 0 ? 'b' : 'c', batch.inputIds()[row * batch.columns()]);
                }
            }
        }
    }
}
