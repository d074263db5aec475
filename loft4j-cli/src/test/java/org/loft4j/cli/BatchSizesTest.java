package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.Columns;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.DataStream;
import org.loft4j.data.Dataset;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.data.PromptDataset;
import org.loft4j.data.RewardedPrompt;
import org.loft4j.data.RowScan;
import org.loft4j.data.StreamingDataset;
import org.loft4j.data.Tokenizer;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.train.MemoryPlan.Load;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;

class BatchSizesTest {
    @TempDir
    Path folder;

    private static final TrainConfig CONFIG =
            TrainConfig.builder(Method.LORA).batchSize(2).evalBatchSize(5).build();

    private static PreferenceDataset pairs(int count, int longest) {
        int[] answer = new int[longest];
        return new PreferenceDataset(Dataset.causalLmIds(IntStream.range(0, 2 * count)
                .mapToObj(i -> i == 0 ? answer : new int[3])
                .toList()));
    }

    private static Load largest(PreferenceDataset train, PreferenceDataset held) {
        return BatchSizes.largest(new TrainData(train, held, 0, 16), CONFIG);
    }

    @Test
    void withoutAReferenceNothingIsLookedAtBefore() {
        TrainConfig free = TrainConfig.builder(Method.LORA)
                .batchSize(2)
                .loss(loss -> loss.withPreferences(PreferenceLoss.of(PreferenceLoss.Kind.SIMPO)))
                .build();
        assertEquals(
                new Load(4, 9, 0, 0).judging().ofShapes(2),
                BatchSizes.largest(new TrainData(pairs(4, 9), null, 0, 16), free));
    }

    /** Of rows that are read as they are learnt the first tell how many negatives there are. */
    @Test
    void textsThatBelongTogetherAreTheirPositivesAndNegatives() throws IOException {
        Path file = Files.writeString(
                folder.resolve("rows.jsonl"),
                "{\"anchor\": \"a\", \"positive\": \"b\"}\n".repeat(3)
                        + "{\"anchor\": \"a\", \"positive\": \"b\", \"negative\": [\"c\", \"d\"]}\n");
        DataStream rows = DataFiles.stream(DataReference.of(file), Columns.auto());
        StreamingDataset streamed = new StreamingDataset(rows, RowScan.of(rows), some -> matches(), 10);
        assertEquals(
                new Load(6, 16, 5, 16).ofShapes(16),
                BatchSizes.largest(new TrainData(streamed, matches(), 0, 16), CONFIG));
        assertEquals(new Load(4, 2, 5, 2), BatchSizes.largest(new TrainData(matches(), matches(), 0, 16), CONFIG));
    }

    /** Two examples of two and four texts. */
    private static MatchDataset matches() {
        List<int[]> texts =
                IntStream.range(1, 7).mapToObj(i -> new int[] {i, i}).toList();
        return new MatchDataset(Dataset.classificationIds(texts, new int[] {0, 1, 0, 1, 2, 2}));
    }

    /** Of two prompts of 5 and 6 tokens each answer may have 10, and there are three of each. */
    @Test
    void promptsAreTheirLongestAnswers() throws IOException {
        TrainConfig config = TrainConfig.builder(Method.LORA)
                .batchSize(2)
                .evalBatchSize(9)
                .loss(loss -> loss.withRewards(GrpoLoss.USUAL.withGenerations(3).withMaxCompletionLength(10)))
                .build();
        try (Tokenizer tokenizer = Tokenizer.open(Fixtures.of("stories260K"))) {
            List<RewardedPrompt> rows =
                    List.of(new RewardedPrompt("Lily had a", "ball"), new RewardedPrompt("Tom saw a cat.", "cat"));
            PromptDataset prompts = PromptDataset.of(rows, tokenizer, 64, null);
            int longest = IntStream.of(prompts.lengths()).max().orElseThrow() + 10;
            Load load = BatchSizes.largest(new TrainData(prompts, prompts, 0, 64), config);
            assertEquals(new Load(6, longest, 2, longest, 6L * longest).judging(), load);
            assertEquals(
                    3L * (IntStream.of(prompts.lengths()).sum() + 20),
                    BatchSizes.of(prompts, config).tokens());
        }
    }

    /** Before the first step the model looks at the rows to learn from as well, answer by answer. */
    @Test
    void preferencesAreTwoRowsAndAreLookedAtBefore() {
        assertEquals(
                new Load(4, 9, 5, 9).judging().ofShapes(2),
                BatchSizes.largest(new TrainData(pairs(4, 9), null, 0, 16), CONFIG));
        assertEquals(new Load(4, 9, 5, 9).judging().ofShapes(2), largest(pairs(4, 9), pairs(2, 4)));
        assertEquals(new Load(4, 9, 10, 8).judging().ofShapes(2), largest(pairs(4, 9), pairs(6, 8)));
        Dataset texts = Dataset.causalLmIds(List.of(new int[7], new int[3]));
        assertEquals(new Load(2, 7, 0, 0), BatchSizes.largest(new TrainData(texts, null, 0, 16), CONFIG));
    }

    /** Eight held-out answers of three tokens are fewer numbers than five of nine that are looked at before. */
    @Test
    void fewerLongerAnswersMayTakeMoreThanThoseHeldOut() {
        TrainConfig config =
                TrainConfig.builder(Method.LORA).batchSize(2).evalBatchSize(5).build();
        Load load = BatchSizes.largest(new TrainData(pairs(4, 9), pairs(4, 3), 0, 16), config);
        assertEquals(new Load(4, 9, 5, 9).judging().ofShapes(2), load);
        Load held = BatchSizes.largest(new TrainData(pairs(4, 3), pairs(4, 9), 0, 16), config);
        assertEquals(new Load(4, 3, 8, 9).judging(), held);
    }

    /** Rows of 32 and 33 tokens, of 36 and of 40 make three shapes, and one row by itself another; of rows that nobody has read all that there may be. */
    @Test
    void shapesOfBatchesAreCountedAsProductsHaveThem() throws IOException {
        List<int[]> rows = IntStream.of(32, 32, 33, 33, 36, 36, 40, 40, 40)
                .mapToObj(int[]::new)
                .toList();
        TrainConfig config = TrainConfig.builder(Method.LORA)
                .batchSize(2)
                .groupByLength(true)
                .build();
        Load load = BatchSizes.largest(new TrainData(Dataset.causalLmIds(rows), null, 0, 64), config);
        assertEquals(new Load(2, 40, 0, 0).ofShapes(4), load);
        Path file = Files.writeString(folder.resolve("texts.jsonl"), "{\"text\": \"a\"}\n".repeat(4));
        DataStream texts = DataFiles.stream(DataReference.of(file), Columns.auto());
        StreamingDataset streamed =
                new StreamingDataset(texts, RowScan.of(texts), some -> Dataset.causalLmIds(rows), 10);
        // up to 16, then 18 to 32 by twos
        assertEquals(
                new Load(2, 32, 0, 32).ofShapes(24), BatchSizes.largest(new TrainData(streamed, null, 0, 32), config));
    }
}
