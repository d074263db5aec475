package org.loft4j.train;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.Columns;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.DataStream;
import org.loft4j.data.RowScan;
import org.loft4j.data.StreamingDataset;
import org.loft4j.nn.Model;

/**
 * A process with a heap of 256 MB goes through a file of 3 GB, to its last row, without growing; killed on the way and resumed, it
 * ends bit for bit where it would have ended.
 */
@Tag("slow")
class LargerThanMemorySlowTest {
    private static final long BYTES = Long.getLong("tests.stream.bytes", 3L << 30);
    /** Most of a row is a column that is not learnt: what is tokenized should not take longer than what is read. */
    private static final int ROW_BYTES = 30_000;

    private static final int ROWS_OF_STEP = 16 * 8;
    private static final long SLACK = 24L << 20;
    private static final long TIMEOUT_MINUTES = 30;

    @TempDir
    Path directory;

    private static TrainConfig config() {
        return TinyRun.config(Method.LOFT)
                .epochs(1)
                .batchSize(16)
                .gradientAccumulationSteps(8)
                .evalSteps(200)
                .saveSteps(20)
                .loggingSteps(10)
                .build();
    }

    /** Says how the run ends, and before that of each step what memory the process takes. */
    public static void main(String[] arguments) throws IOException {
        long start = System.nanoTime();
        DataStream rows = DataFiles.stream(new DataReference(arguments[0]), Columns.auto());
        RowScan scan = RowScan.of(rows);
        System.out.printf(Locale.ROOT, "read %d rows in %.1f s%n", scan.rows(), (System.nanoTime() - start) / 1e9);
        TrainData data = new TrainData(
                new StreamingDataset(rows, scan, StreamingRunEndToEndTest::encode, StreamingDataset.SHUFFLE_BUFFER),
                TinyRun.counting(12, 2),
                0,
                16);
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(
                        model, data, config(), TinyRun.lora(), Path.of(arguments[1]), OnExisting.RESUME)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    System.out.println("step " + event.step() + " " + event.residentBytes());
                    System.out.flush();
                }
            });
            TrainResult result = run.run();
            System.out.printf(Locale.ROOT, "trained in %.1f s%n", (System.nanoTime() - start) / 1e9);
            System.out.println(result.outcome());
        }
    }

    private long write(Path file) throws IOException {
        List<String> texts = StreamingRunEndToEndTest.texts(1009);
        String filler = "the quick brown fox jumps over the lazy dog, ".repeat(ROW_BYTES / 45);
        long rows = BYTES / ROW_BYTES;
        try (OutputStream out = Files.newOutputStream(file)) {
            for (long row = 0; row < rows; row++) {
                String text = texts.get((int) (row % texts.size()));
                out.write(("{\"id\": " + row + ", \"page\": \"" + filler + "\", \"text\": \"" + text + "\"}\n")
                        .getBytes(UTF_8));
            }
        }
        return rows;
    }

    private Process start(Path rows, Path output) throws IOException {
        // the heap is there from the start, so that what grows is something else
        return ChildJvm.start(
                LargerThanMemorySlowTest.class,
                directory.resolve("child.log"),
                List.of("-Xms256m", "-Xmx256m", "-XX:+AlwaysPreTouch"),
                rows.toString(),
                output.toString());
    }

    /** All that a process says, up to a step after which it is killed. */
    private List<String> read(Process process, long killAfter) throws Exception {
        List<String> lines = new ArrayList<>();
        try (BufferedReader reader = process.inputReader()) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                lines.add(line);
                if (line.startsWith("step " + killAfter + " ")) {
                    process.destroyForcibly();
                    break;
                }
            }
        }
        assertTrue(process.waitFor(TIMEOUT_MINUTES, TimeUnit.MINUTES));
        assertEquals(killAfter < 0, process.exitValue() == 0, () -> lines + log());
        return lines;
    }

    private String log() {
        try {
            return Files.readString(directory.resolve("child.log"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    @Test
    void threeGigabytesAreLearntInAHeapOfAQuarter() throws Exception {
        assumeTrue(Files.getFileStore(directory).getUsableSpace() > 2 * BYTES, "no room for the file");
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("LargerThanMemorySlowTest: -Dtests.seed=" + seed);
        Path rows = directory.resolve("rows.jsonl");
        long steps = (write(rows) + ROWS_OF_STEP - 1) / ROWS_OF_STEP;

        Path whole = directory.resolve("whole");
        List<String> said = read(start(rows, whole), -1);
        assertEquals("FINISHED", said.get(said.size() - 1), this::log);
        long[] resident = said.stream()
                .filter(line -> line.startsWith("step "))
                .mapToLong(line -> Long.parseLong(line.substring(line.lastIndexOf(' ') + 1)))
                .toArray();
        assertEquals(steps, resident.length);
        int warm = resident.length / 5;
        System.out.printf(
                Locale.ROOT,
                "%d bytes, %s, %s; resident after step %d: %d MB, after step %d: %d MB%n",
                Files.size(rows),
                said.get(0),
                said.get(said.size() - 2),
                warm,
                resident[warm] >> 20,
                steps,
                resident[resident.length - 1] >> 20);

        Path killed = directory.resolve("killed");
        long kill = steps / 2 + new SplittableRandom(seed).nextLong(steps / 3);
        read(start(rows, killed), kill);
        List<String> resumed = read(start(rows, killed), -1);
        long wentOn = Long.parseLong(resumed.get(1).split(" ")[1]);
        assertTrue(wentOn > 1 && wentOn <= kill + 1, resumed.get(1));
        System.out.println("killed after step " + kill + ", went on with step " + wentOn + ", " + resumed.get(0) + ", "
                + resumed.get(resumed.size() - 2));
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, killed, steps);
        assertTrue(
                resident[resident.length - 1] - resident[warm] < SLACK,
                "resident memory went from " + resident[warm] + " to " + resident[resident.length - 1] + " bytes");
    }
}
