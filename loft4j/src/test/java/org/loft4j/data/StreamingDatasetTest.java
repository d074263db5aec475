package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

class StreamingDatasetTest {
    @TempDir
    Path folder;

    /** A full buffer is as many times the first hundred rows as it has rows, where rows are alike. */
    @Test
    void aBufferIsReckonedByTheFirstRows() throws IOException {
        Numbers source = new Numbers(1000);
        RowScan scan = RowScan.of(source);
        StreamingDataset.Encoder encoder = rows -> Dataset.causalLmIds(List.of(new int[] {1, 2}));
        double first = scan.first().stream().mapToLong(Row::heapBytes).sum();
        long some = new StreamingDataset(source, scan, encoder, 300).heapBytes();
        assertEquals(3 * first, some, 0.3 * first * 3);
        assertEquals(10 * first, new StreamingDataset(source, scan, encoder, 5000).heapBytes(), 0.3 * first * 10);
    }

    /** Rows as a program has them: each is a number, and counts how often it was made. */
    private static final class Numbers implements RowSource {
        private final int rows;
        private final List<Integer> made = new ArrayList<>();
        private int open;

        Numbers(int rows) {
            this.rows = rows;
        }

        @Override
        public RowCursor open() {
            open++;
            Iterator<Integer> numbers = IntStream.range(0, rows).iterator();
            return new RowCursor() {
                @Override
                public @Nullable Row next() {
                    if (!numbers.hasNext()) {
                        return null;
                    }
                    int number = numbers.next();
                    made.add(number);
                    return new PlainText(number + " ".repeat(number * 7 % 5));
                }

                @Override
                public void skip(long count) {
                    for (long i = 0; i < count; i++) {
                        numbers.next();
                    }
                }

                @Override
                public void close() {
                    open--;
                }
            };
        }

        @Override
        public String name() {
            return "numbers";
        }
    }

    /** A row is the token of its number, as often as it has characters; rows that a hundred divides are two examples. */
    private static Dataset encode(List<Row> rows) {
        List<int[]> ids = new ArrayList<>();
        for (Row row : rows) {
            String text = RowText.question(row);
            int[] tokens = new int[text.length()];
            Arrays.fill(tokens, Integer.parseInt(text.strip()));
            ids.add(tokens);
            if (tokens[0] % 100 == 99) {
                ids.add(new int[] {tokens[0], 0});
            }
        }
        return Dataset.causalLmIds(ids);
    }

    private static BatchSource batches(RowSource source, int buffer, int batchSize, boolean group) throws IOException {
        return new StreamingDataset(source, RowScan.of(source), StreamingDatasetTest::encode, buffer)
                .batches(batchSize, group, 3, -1);
    }

    /** The first token of each example of a batch. */
    private static List<Integer> numbers(BatchSource batches, long epoch, long batch) throws IOException {
        List<Integer> numbers = new ArrayList<>();
        for (MiniBatch made : batches.get(epoch, batch)) {
            Batch tokens = (Batch) made;
            for (int row = 0; row < tokens.rows(); row++) {
                numbers.add((int) tokens.inputIds()[row * tokens.columns()]);
            }
        }
        return numbers;
    }

    private static List<Integer> epoch(BatchSource batches, long epoch) throws IOException {
        List<Integer> all = new ArrayList<>();
        for (long batch = 0; batch < batches.batches(); batch++) {
            all.addAll(numbers(batches, epoch, batch));
        }
        return all;
    }

    @Test
    void everyRowIsLearntOnceAnEpochInBlocksOfTheBuffer() throws IOException {
        try (BatchSource batches = batches(new Numbers(95), 20, 6, false)) {
            assertEquals(16, batches.batches());
            List<Integer> first = epoch(batches, 0);
            List<Integer> second = epoch(batches, 1);
            // three batches of six fit into a buffer of twenty
            for (int start = 0; start < 95; start += 18) {
                int end = Math.min(95, start + 18);
                List<Integer> block = IntStream.range(start, end).boxed().toList();
                assertEquals(block, first.subList(start, end).stream().sorted().toList());
                assertEquals(block, second.subList(start, end).stream().sorted().toList());
            }
            assertNotEquals(first, second);
            assertNotEquals(
                    first.subList(0, 18),
                    first.subList(18, 36).stream().map(n -> n - 18).toList());
            assertEquals(first, epoch(batches, 0));
        }
    }

    @Test
    void aBatchIsAFunctionOfItsPlace() throws IOException {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        SplittableRandom random = new SplittableRandom(seed);
        List<List<List<Integer>>> expected = new ArrayList<>();
        try (BatchSource batches = batches(new Numbers(250), 64, 8, true)) {
            for (int epoch = 0; epoch < 3; epoch++) {
                expected.add(new ArrayList<>());
                for (long batch = 0; batch < batches.batches(); batch++) {
                    expected.get(epoch).add(numbers(batches, epoch, batch));
                }
            }
        }
        try (BatchSource batches = batches(new Numbers(250), 64, 8, true)) {
            for (int i = 0; i < 100; i++) {
                int epoch = random.nextInt(3);
                int batch = random.nextInt((int) batches.batches());
                assertEquals(
                        expected.get(epoch).get(batch), numbers(batches, epoch, batch), () -> "-Dtests.seed=" + seed);
            }
        }
    }

    @Test
    void aResumedRunMakesNoRowOfTheBlocksBeforeItsOwn() throws IOException {
        Numbers rows = new Numbers(250);
        try (BatchSource batches = batches(rows, 64, 8, true)) {
            rows.made.clear();
            batches.get(0, 17);
            assertEquals(IntStream.range(128, 192).boxed().toList(), rows.made);
            batches.get(0, 23);
            assertEquals(64, rows.made.size());
            batches.get(0, 24);
            assertEquals(IntStream.range(128, 250).boxed().toList(), rows.made);
            assertEquals(0, rows.open);
        }
    }

    @Test
    void aBufferThatHoldsAllIsReadOnce() throws IOException {
        Numbers rows = new Numbers(50);
        try (BatchSource batches = batches(rows, 1000, 8, true)) {
            rows.made.clear();
            assertNotEquals(epoch(batches, 0), epoch(batches, 1));
            assertEquals(50, rows.made.size());
        }
    }

    @Test
    void rowsOfLikeLengthShareABatch() throws IOException {
        try (BatchSource grouped = batches(new Numbers(90), 90, 9, true);
                BatchSource mixed = batches(new Numbers(90), 90, 9, false)) {
            assertTrue(padding(grouped) < padding(mixed) / 3, padding(grouped) + " and " + padding(mixed));
        }
    }

    private static long padding(BatchSource batches) throws IOException {
        long padding = 0;
        for (long i = 0; i < batches.batches(); i++) {
            Batch batch = (Batch) batches.get(0, i).get(0);
            padding += (long) batch.rows() * batch.columns() - batch.tokens();
        }
        return padding;
    }

    @Test
    void rowsOfSeveralExamplesMakeMoreBatchesOfTheSize() throws IOException {
        try (BatchSource batches = batches(new Numbers(100), 100, 100, false)) {
            List<MiniBatch> made = batches.get(0, 0);
            assertEquals(List.of(100, 1), made.stream().map(MiniBatch::rows).toList());
            assertEquals(
                    IntStream.range(0, 101).mapToObj(i -> Math.min(i, 99)).toList(),
                    numbers(batches, 0, 0).stream()
                            .sorted(Comparator.naturalOrder())
                            .toList());
        }
    }

    @Test
    void rowsThatChangeAreRefused() throws IOException {
        Numbers rows = new Numbers(50);
        RowScan scan = RowScan.of(rows);
        for (int now : new int[] {49, 51}) {
            try (BatchSource batches = new StreamingDataset(new Numbers(now), scan, StreamingDatasetTest::encode, 25)
                    .batches(5, false, 1, 0)) {
                assertEquals(
                        "numbers: has " + (now < 50 ? "fewer" : "more")
                                + " rows than the 50 that were found before training: its rows must stay the same",
                        assertThrows(DataException.class, () -> epoch(batches, 0))
                                .getMessage());
            }
        }
        StreamingDataset fifty = new StreamingDataset(rows, scan, StreamingDatasetTest::encode, 25);
        assertEquals(
                fifty.fingerprint(),
                new StreamingDataset(rows, RowScan.of(new Numbers(50)), StreamingDatasetTest::encode, 25)
                        .fingerprint());
        assertNotEquals(
                fifty.fingerprint(), new StreamingDataset(rows, scan, StreamingDatasetTest::encode, 20).fingerprint());
        assertNotEquals(
                fifty.fingerprint(),
                new StreamingDataset(rows, scan, some -> encode(some.subList(0, 1)), 25).fingerprint());
    }

    @Test
    void aPassFindsWhatARunMustKnow() throws IOException {
        Path file =
                Files.writeString(folder.resolve("a.csv"), "text,label\nfine,good\nawful,bad\nnice,good\nso,neutral\n");
        RowSource rows = DataFiles.stream(DataReference.of(file), Columns.auto());
        RowScan all = RowScan.of(rows);
        assertEquals(4, all.rows());
        assertEquals(List.of("bad", "good", "neutral"), Labels.of(all).names());
        assertEquals("fine", RowText.question(all.first().get(0)));
        RowScan split = RowScan.of(rows, row -> RowText.question(row).equals("so"));
        assertEquals(List.of("bad", "good"), List.copyOf(split.labels()));
        assertEquals(List.of("bad", "good", "neutral"), Labels.of(split).names());
        assertEquals(3, split.rows());
        assertEquals("so", RowText.question(split.heldOut().get(0)));
        assertNotEquals(all.checksum(), split.checksum());

        Files.writeString(file, "text,label\nfine,good\nawful,\n");
        assertEquals(
                file + ", line 3: \"label\" is empty",
                assertThrows(
                                DataException.class,
                                () -> RowScan.of(DataFiles.stream(DataReference.of(file), Columns.auto())))
                        .getMessage());
        assertEquals(
                "numbers: holds no rows to learn from",
                assertThrows(DataException.class, () -> RowScan.of(new Numbers(5), row -> true))
                        .getMessage());
        assertEquals(
                "rows in memory: has no label: a classifier needs rows with \"text\" and \"label\";"
                        + " lists in \"labels\" are learnt with --problem-type multi_label_classification",
                assertThrows(DataException.class, () -> Labels.of(RowScan.of(new Numbers(5))))
                        .getMessage());
    }

    @Test
    void allRowsAreEncodedOnceBeforeTheyAreLearnt() throws IOException {
        Numbers rows = new Numbers(2500);
        List<Integer> encoded = new ArrayList<>();
        ExampleScan all = ExampleScan.of(rows, some -> {
            encoded.add(some.size());
            return encode(some);
        });
        assertEquals(new ExampleScan(2500, 2525, new Truncations(0, 0, 0), 0, 2499), all);
        assertEquals(List.of(1000, 1000, 500), encoded);
        assertEquals(0, rows.open);
    }

    @Test
    void aRowThatCannotBeLearntIsFoundThoughItParses() throws IOException {
        ByteModel.write(folder, "{\"eos_token\": \"</s>\"}", "</s>");
        List<String> texts = IntStream.range(0, 150)
                .mapToObj(i -> i == 130 ? "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}" : talk(i))
                .toList();
        Path file = Files.write(folder.resolve("chats.jsonl"), texts);
        Path template =
                Files.writeString(folder.resolve("t.jinja"), "{% for m in messages %}{{ m.content }}{% endfor %}");
        ChatFormat format = new ChatFormat(ChatTemplate.read(template, folder));
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            StreamingDataset.Encoder encoder = some -> Dataset.causalLm(some, tokenizer, 4, format);
            RowSource rows = DataFiles.stream(DataReference.of(file), Columns.auto());
            assertEquals(150, RowScan.of(rows).rows());
            String fault = String.valueOf(assertThrows(DataException.class, () -> ExampleScan.of(rows, encoder))
                    .getMessage());
            assertTrue(fault.startsWith(file + ", line 131: has no answer to learn"), fault);
            Files.write(file, IntStream.range(0, 150).mapToObj(i -> talk(i)).toList());
            // one digit, two digits and three beside the three characters of "qab"
            assertEquals(
                    new ExampleScan(150, 150, new Truncations(140, 0, 90 + 2 * 50), 0, 'q'),
                    ExampleScan.of(DataFiles.stream(DataReference.of(file), Columns.auto()), encoder));
        }
    }

    private static String talk(int number) {
        return "{\"messages\": [{\"role\": \"user\", \"content\": \"q" + number
                + "\"}, {\"role\": \"assistant\", \"content\": \"ab\"}]}";
    }

    @Test
    void aSplitByHashIsThatOfMemory() throws IOException {
        List<String> texts = IntStream.range(0, 200).mapToObj(i -> "row " + i).toList();
        DataReference data = RowFiles.JSON_LINES.write(folder, texts);
        TrainTestSplit<Row> expected = TrainTestSplit.byHash(DataFiles.read(data, Columns.auto()), 0.2, 9);
        DataStream stream = DataFiles.stream(data, Columns.auto());
        RowScan scan = RowScan.of(stream, row -> TrainTestSplit.isHeldOut(row, 0.2, 9));
        assertEquals(expected.test(), scan.heldOut());
        assertEquals(expected.train().size(), scan.rows());
        assertEquals(expected.train().subList(0, 100), scan.first());
    }

    @Test
    void aBufferBeyondMemoryIsRefused() throws IOException {
        RowScan huge =
                new RowScan(1_000_000, 1_000_000L * 1_000_000, 0, new java.util.TreeSet<>(), List.of(), List.of());
        String message = String.valueOf(assertThrows(
                        ConfigException.class,
                        () -> new StreamingDataset(new Numbers(1), huge, StreamingDatasetTest::encode, 1_000_000))
                .getMessage());
        assertTrue(
                message.startsWith("shuffle_buffer_size 1000000 is too large: rows have 1000000 characters"), message);
    }
}
