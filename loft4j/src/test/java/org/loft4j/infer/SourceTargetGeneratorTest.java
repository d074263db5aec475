package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.ShapeException;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.model.shared.WritingRulesFile;
import org.loft4j.nn.EncoderDecoder;
import org.loft4j.nn.KeyValueCache;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.SourceTargetInput;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What an encoder-decoder writes of texts, token by token. */
class SourceTargetGeneratorTest {
    private static final int[] LENGTHS = {14, 10, 7};

    @TempDir
    Path directory;

    private static Model open(Fixture fixture) throws IOException {
        return Models.open(fixture.directory(), ModelOptions.of(Task.SEQ2SEQ_LM));
    }

    /** The texts of a fixture's batch. */
    private static List<long[]> texts(Fixture fixture) throws IOException {
        Tensor ids = fixture.read("input_ids");
        List<long[]> texts = new ArrayList<>();
        for (int i = 0; i < LENGTHS.length; i++) {
            texts.add(Tensors.toLongs(ids.select(0, i).narrow(0, 0, LENGTHS[i])));
        }
        return texts;
    }

    @ParameterizedTest
    @ValueSource(strings = {"t5", "t5_gated", "mt5", "bart", "mbart", "m2m_100", "pegasus"})
    void alwaysTheLikeliestTokenIsWhatTransformersWritesAloneAndTogether(String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model model = open(fixture)) {
            Generator generator = Generator.of(model);
            assertFalse(generator.goesOn());
            List<long[]> texts = texts(fixture);
            long[] expected = Tensors.toLongs(fixture.expected("greedy.ids"));
            List<Continuation> together =
                    generator.generate(texts, 24, Set.of(), SamplingConfig.GREEDY, (row, id) -> true);
            for (int i = 0; i < texts.size(); i++) {
                long[] own = Arrays.copyOfRange(expected, 24 * i, 24 * i + 24);
                // config.json of PEGASUS says how a text ends that is as long as it may be
                own[23] = ((EncoderDecoder) model).rules().last().orElse(own[23]);
                assertArrayEquals(own, together.get(i).ids());
                assertArrayEquals(
                        own, generator.greedy(texts.get(i), 24, Set.of()).ids());
                assertEquals(Continuation.Stop.MAX_NEW_TOKENS, together.get(i).stop());
            }
        }
    }

    /** T5 has no last position: what is asked for at most is no size of anything. */
    @Test
    void asManyTokensAsThereAreNumbersTakeTheMemoryOfThoseThatAreWritten() throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("t5");
                Model model = open(fixture)) {
            Generator generator = Generator.of(model);
            long[] text = texts(fixture).get(0);
            List<Long> written = new ArrayList<>();
            Continuation ended = generator
                    .generate(List.of(text), Integer.MAX_VALUE, Set.of(), SamplingConfig.GREEDY, (row, id) -> {
                        written.add(id);
                        return written.size() < 300;
                    })
                    .get(0);
            assertEquals(Continuation.Stop.LISTENER, ended.stop());
            assertEquals(written, Arrays.stream(ended.ids()).boxed().toList());
            assertArrayEquals(ended.ids(), generator.greedy(text, 300, Set.of()).ids());
        }
    }

    /** As Transformers' processors of logits make it of generation_config.json. */
    @Test
    void whatTheFilesForceOrForbidIsHeldTo() throws IOException {
        Path from = Fixture.directory("bart");
        for (String name : List.of("config.json", "model.safetensors")) {
            Files.copy(from.resolve(name), directory.resolve(name));
        }
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("bart")) {
            long[] plain = Arrays.copyOf(Tensors.toLongs(fixture.expected("greedy.ids")), 24);
            long[] text = texts(fixture).get(0);
            assertArrayEquals(plain, written("{}", text, 24));
            assertEquals(7, written("{\"forced_bos_token_id\": 7}", text, 24)[0]);
            long[] ended = written("{\"forced_eos_token_id\": 2}", text, 6);
            assertArrayEquals(Arrays.copyOf(plain, 5), Arrays.copyOf(ended, 5));
            assertEquals(2, ended[5]);
            try (Logged log = new Logged(WritingRulesFile.class)) {
                assertArrayEquals(ended, written("{\"forced_eos_token_id\": [2, 3]}", text, 6));
                assertTrue(
                        log.texts().get(0).contains("forced_eos_token_id is [2,3], of which 2 is taken"),
                        log.texts().toString());
            }
            long[] without = written("{\"suppress_tokens\": [" + plain[0] + "]}", text, 24);
            assertFalse(LongStream.of(without).anyMatch(id -> id == plain[0]));
            long[] otherFirst = written("{\"begin_suppress_tokens\": [" + plain[0] + "]}", text, 24);
            assertEquals(without[0], otherFirst[0]);
            // behind a first token that is given, it is the second that may not be one of these
            long[] both = written(
                    "{\"forced_bos_token_id\": " + plain[0] + ", \"begin_suppress_tokens\": [" + plain[1] + "]}",
                    text,
                    24);
            assertEquals(plain[0], both[0]);
            assertTrue(both[1] != plain[1]);
            for (String wrong : List.of(
                    "{\"forced_bos_token_id\": 60}",
                    "{\"forced_bos_token_id\": [2, 3]}",
                    "{\"suppress_tokens\": [\"a\"]}")) {
                assertThrows(CheckpointException.class, () -> written(wrong, text, 2), wrong);
            }
        }
    }

    /** Where the code stands behind a text that is learnt, it is the start of mBART's alone; others write it behind their start. */
    @ParameterizedTest
    @CsvSource({"NllbTokenizer, false", "NllbTokenizer, true", "MBartTokenizer, false"})
    void whatIsWrittenBeginsWithTheCodeOrBehindTheStart(String tokenizer, boolean legacy) throws IOException {
        String added = "{\"id\": %d, \"content\": \"%s\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false,"
                + " \"normalized\": false, \"special\": true}, ";
        Files.writeString(
                directory.resolve("tokenizer.json"),
                Files.readString(Fixture.directory("t5_gated").resolve("tokenizer.json"))
                        .replace(
                                "\"added_tokens\": [",
                                "\"added_tokens\": [" + added.formatted(34, "E") + added.formatted(35, "F")));
        Files.writeString(directory.resolve("tokenizer_config.json"), """
                {"tokenizer_class": "%s", "legacy_behaviour": %s, "eos_token": "</s>", "src_lang": "E", "tgt_lang": "F"}
                """.formatted(tokenizer, legacy));
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("m2m_100");
                Model model = open(fixture);
                Tokenizer codes = Tokenizer.open(directory)) {
            long code = codes.languages().requireTarget().id();
            EncoderDecoder writer = (EncoderDecoder) model;
            long[] text = texts(fixture).get(0);
            long[] made = Generator.of(model)
                    .inLanguageOf(codes)
                    .greedy(text, 3, Set.of())
                    .ids();
            TokenInput source = new TokenInput(Tensors.of(text, 1, text.length), null);
            boolean starts = tokenizer.equals("MBartTokenizer");
            // of labels all but the last are read behind the start
            Tensor logits = writer.logits(new SourceTargetInput(
                    source,
                    starts
                            ? Tensors.of(new long[] {code}, 1, 1)
                            : Tensors.of(new long[] {writer.startId(), code}, 1, 2)));
            long likeliest =
                    logits.select(0, 0).select(0, starts ? 0 : 1).argmax().item_long();
            assertEquals(likeliest, made[starts ? 0 : 1]);
            if (!starts) {
                assertEquals(code, made[0]);
            }
        }
    }

    /** An end that is forced where a text may be no longer is none of the model's. */
    @Test
    void whatIsCutByAForcedEndIsToldAsCut() throws IOException {
        Path from = Fixture.directory("bart");
        for (String name : List.of("config.json", "model.safetensors")) {
            Files.copy(from.resolve(name), directory.resolve(name));
        }
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("bart")) {
            long[] plain = Arrays.copyOf(Tensors.toLongs(fixture.expected("greedy.ids")), 24);
            long[] text = texts(fixture).get(0);
            long other = LongStream.range(0, 60)
                    .filter(id -> LongStream.of(plain).noneMatch(each -> each == id))
                    .findFirst()
                    .orElseThrow();
            for (long end : new long[] {other, plain[0]}) {
                Files.writeString(
                        directory.resolve("generation_config.json"), "{\"forced_eos_token_id\": " + end + "}");
                try (Model model = Models.open(directory, ModelOptions.of(Task.SEQ2SEQ_LM))) {
                    Continuation made = Generator.of(model).greedy(text, 1, Set.of(end));
                    assertArrayEquals(new long[] {end}, made.ids());
                    assertEquals(
                            end == other ? Continuation.Stop.MAX_NEW_TOKENS : Continuation.Stop.STOP_ID, made.stop());
                }
            }
        }
    }

    private long[] written(String generation, long[] text, int most) throws IOException {
        Files.writeString(directory.resolve("generation_config.json"), generation);
        try (Model model = Models.open(directory, ModelOptions.of(Task.SEQ2SEQ_LM))) {
            return Generator.of(model).greedy(text, most, Set.of()).ids();
        }
    }

    /** A text as long as the model's positions is read, and what is written ends with them. */
    @Test
    void positionsAreTheEndOfWhatIsReadAndWritten() throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("bart");
                EncoderDecoder model = (EncoderDecoder) open(fixture)) {
            Generator generator = Generator.of(model);
            long[] longest = Tensors.toLongs(fixture.expected("long.input_ids"));
            Continuation made = generator.greedy(longest, 100, Set.of());
            assertEquals(63, made.ids().length);
            assertEquals(Continuation.Stop.MAX_POSITIONS, made.stop());
            String refusal = assertThrows(
                            ConfigException.class, () -> generator.greedy(Arrays.copyOf(longest, 65), 4, Set.of()))
                    .getMessage();
            assertTrue(refusal.contains("at most as many tokens as max_position_embeddings, 64, got 65"), refusal);
            Tensor most = Tensors.of(Arrays.copyOf(longest, 65), 1, 65);
            Tensor beyond = Tensors.of(Arrays.copyOf(longest, 66), 1, 66);
            TokenInput source = new TokenInput(fixture.expected("long.input_ids"), null);
            assertEquals(65, model.logits(new SourceTargetInput(source, most)).size(1));
            assertThrows(ShapeException.class, () -> model.logits(new SourceTargetInput(source, beyond)));
            assertThrows(ShapeException.class, () -> model.encode(new TokenInput(most, null)));
        }
    }

    /** A row that ends leaves the others, with what they read, as they are. */
    @Test
    void whatEndsLeavesTheOthersAsTheyAre() throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("t5_gated");
                Model model = open(fixture)) {
            List<long[]> texts = texts(fixture);
            long[] expected = Tensors.toLongs(fixture.expected("greedy.ids"));
            Generator generator = Generator.of(model);
            long stop = expected[4];
            List<Continuation> made =
                    generator.generate(texts, 24, Set.of(stop), SamplingConfig.GREEDY, (row, id) -> true);
            for (int i = 0; i < texts.size(); i++) {
                long[] own = Arrays.copyOfRange(expected, 24 * i, 24 * i + 24);
                long length = LongStream.of(own).takeWhile(id -> id != stop).count();
                assertArrayEquals(
                        Arrays.copyOf(own, (int) Math.min(24, length + 1)),
                        made.get(i).ids());
            }
            assertTrue(made.get(0).ids().length < made.get(2).ids().length);
        }
    }

    @Test
    void whatIsDrawnDependsOnTheRowAndNotOnWhatSharesItsBatch() throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("mt5");
                Model model = open(fixture)) {
            Generator generator = Generator.of(model);
            List<long[]> texts = texts(fixture);
            SamplingConfig drawn = new SamplingConfig(1, 20, 0.9, 0, 1.2, 7);
            List<Continuation> together = generator.generate(texts, 16, Set.of(), drawn, (row, id) -> true);
            for (int i = 0; i < texts.size(); i++) {
                assertEquals(
                        together.get(i),
                        generator
                                .generate(List.of(texts.get(i)), i, 16, Set.of(), drawn, (row, id) -> true)
                                .get(0));
            }
        }
    }

    @Test
    void nothingNativeIsLeftBehind() throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("t5");
                Model model = open(fixture)) {
            Generator generator = Generator.of(model);
            List<long[]> texts = texts(fixture);
            generator.generate(texts, 8, Set.of(), SamplingConfig.GREEDY, (row, id) -> true);
            long before = LiveObjects.settled();
            for (int i = 0; i < 4; i++) {
                generator.generate(texts, 8, Set.of(), SamplingConfig.GREEDY, (row, id) -> true);
            }
            assertEquals(before, LiveObjects.settled());
        }
    }

    /** A directory is opened without a word of its task; the text is read with its end, and what is written begins anew. */
    @Test
    void textsAreReadWholeAndWhatIsWrittenBeginsAnew() throws IOException {
        try (TextGenerator generator = TextGenerator.open(Fixture.directory("t5_gated"))) {
            TextGenerator.Answer answer = generator.complete("upper: abc", 6, SamplingConfig.GREEDY);
            Tokenizer tokenizer = generator.tokenizer();
            long[] read = tokenizer.encode("upper: abc", true);
            assertEquals(1, read[read.length - 1], "the end");
            assertEquals(read.length, answer.promptTokens());
            try (Model model = Models.open(Fixture.directory("t5_gated"), ModelOptions.of(Task.SEQ2SEQ_LM))) {
                long[] written =
                        Generator.of(model).greedy(read, 6, tokenizer.stopIds()).ids();
                assertEquals(
                        tokenizer.decode(written, true).strip(), answer.text().strip());
            }
            assertThrows(ConfigException.class, () -> generator.reply(List.of(), 4, SamplingConfig.GREEDY));
        }
    }

    @Test
    void nothingIsWrittenOfTextsThatWereNotRead() throws IOException {
        try (NativeScope scope = new NativeScope();
                KeyValueCache cache = new KeyValueCache();
                Fixture fixture = Fixture.open("t5");
                EncoderDecoder model = (EncoderDecoder) open(fixture)) {
            Tensor first = Tensors.of(new long[] {0}, 1, 1);
            assertThrows(ShapeException.class, () -> model.nextLogits(first, null, cache));
            model.read(fixture.input(), cache);
            assertTrue(assertThrows(ShapeException.class, () -> model.nextLogits(first, null, cache))
                    .getMessage()
                    .contains("the cache holds 3 for 1 rows"));
            Tensor three = Tensors.of(new long[3], 3, 1);
            assertThrows(ShapeException.class, () -> model.nextLogits(three, three, cache));
            assertThrows(ShapeException.class, () -> model.logits(fixture.input()));
        }
    }
}
