package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.infer.Readings.ANSWER;
import static org.loft4j.infer.Readings.FIRST;
import static org.loft4j.infer.Readings.assertAsRead;
import static org.loft4j.infer.Readings.goOn;
import static org.loft4j.infer.Readings.joined;
import static org.loft4j.infer.Readings.open;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.model.Fixture;
import org.loft4j.nn.Model;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;

/** What is kept of a conversation spares reading, and changes no answer; {@link ReadingAnewTest} has what may not be kept. */
class ReadingTest {
    /** Some with windows, of which the later turns are longer, and some whose layers share keys and values. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "llama_gqa",
                "llama3_rope_tied",
                "llama_yarn",
                "mistral_sw",
                "qwen2_sliding",
                "qwen3",
                "gemma2_cap",
                "gemma3_text",
                "gemma4_text",
                "smollm3_sliding",
                "granite",
                "olmo2",
                "qwen3_moe",
                "gpt_oss",
                "mistral3_ministral3",
                "gpt2"
            })
    void eachTurnIsReadFromWhereItDiffers(String name) throws Exception {
        try (Model model = open(name);
                Reading reading = new Reading()) {
            long[] prompt = FIRST;
            long[] answer = assertAsRead(model, prompt, reading, prompt.length);
            for (int turn = 0; turn < 2; turn++) {
                prompt = joined(prompt, answer, new long[] {20 + turn, 21, 22});
                // the last token of an answer is drawn, and not read
                answer = assertAsRead(model, prompt, reading, 4);
            }
            // an answer that is written otherwise in the next prompt, as without what was thought
            prompt = joined(prompt, Arrays.copyOf(answer, 2), new long[] {answer[2] + 1, 30});
            assertAsRead(model, prompt, reading, 2);
            // the same once more: its last token says what comes next
            assertAsRead(model, prompt, reading, 1);
            // what was its beginning
            assertAsRead(model, Arrays.copyOf(prompt, 4), reading, 1);
            prompt = joined(Arrays.copyOf(FIRST, 3), new long[] {7, 90, 11, 4});
            assertAsRead(model, prompt, reading, 4);
            assertAsRead(model, new long[] {9, 200, 31}, reading, 3);
        }
    }

    /** Turns that are longer than a window, and looked at in several parts behind what was read. */
    @ParameterizedTest
    @ValueSource(strings = {"mistral_sw", "gemma2_cap", "gemma3_text", "gpt_oss"})
    void longTurnsOfWindowsToo(String name, @TempDir Path directory) throws Exception {
        for (String file : List.of("config.json", "model.safetensors")) {
            Files.copy(Fixture.directory(name).resolve(file), directory.resolve(file));
        }
        Path config = directory.resolve("config.json");
        Files.writeString(
                config,
                Files.readString(config)
                        .replace("\"max_position_embeddings\": 128", "\"max_position_embeddings\": 2048"));
        long[] all = new SplittableRandom(3).longs(900, 3, 250).toArray();
        try (Model model = open(directory);
                Reading reading = new Reading()) {
            int read = 0;
            for (int length : new int[] {200, 203, 600, 900}) {
                assertAsRead(model, Arrays.copyOf(all, length), reading, length - read);
                read = length;
            }
        }
    }

    /** The memory of some layers does not go back. */
    @ParameterizedTest
    @ValueSource(
            strings = {"qwen3_5", "qwen3_5_text", "lfm2", "lfm2_bias", "granitemoehybrid_h", "granitemoehybrid_h_groups"
            })
    void aMemoryIsUsedWhereAllOfItIsTheBeginning(String name) throws Exception {
        try (Model model = open(name);
                Reading reading = new Reading()) {
            long[] prompt = FIRST;
            long[] answer = assertAsRead(model, prompt, reading, prompt.length);
            for (int turn = 0; turn < 2; turn++) {
                // more than a chunk of tokens at a time, and fewer than the convolution reads
                long[] question = LongStream.range(20, turn == 0 ? 90 : 21).toArray();
                prompt = joined(prompt, answer, question);
                answer = assertAsRead(model, prompt, reading, 1 + question.length);
            }
            prompt = joined(prompt, Arrays.copyOf(answer, 2), new long[] {answer[2] + 1, 30});
            assertAsRead(model, prompt, reading, prompt.length);
            assertAsRead(model, prompt, reading, prompt.length);
            assertAsRead(model, Arrays.copyOf(prompt, 4), reading, 4);
        }
    }

    /** The angles of all positions change with each token beyond a length, or once at it. */
    @ParameterizedTest
    @ValueSource(strings = {"llama_dynamic", "phi3_partial", "phi3_longrope_short"})
    void whatWasReadIsReadAgainWhereAllAnglesAreOthers(String name) throws Exception {
        try (Model model = open(name);
                Reading reading = new Reading()) {
            long most = model.description().maxPositions() - ANSWER;
            long[] all = LongStream.range(3, 3 + most).toArray();
            int[] lengths = {4, (int) most / 4, (int) most / 2, (int) most, (int) most - 1, (int) most / 2 + 1, 5, 3};
            for (int length : lengths) {
                long[] prompt = Arrays.copyOf(all, length);
                assertEquals(
                        Generator.of(model).greedy(prompt, ANSWER, Set.of()),
                        goOn(Generator.of(model), prompt, reading),
                        length + " tokens");
            }
        }
    }

    @Test
    void anAnswerThatWasStoppedIsThereAsFarAsItCame() throws Exception {
        try (Model model = open("llama_gqa");
                Reading reading = new Reading()) {
            List<Long> said = new ArrayList<>();
            Generator generator = Generator.of(model);
            assertThrows(
                    CancellationException.class,
                    () -> goOn(generator, FIRST, reading, (row, id) -> {
                        said.add(id);
                        if (said.size() == 3) {
                            throw new CancellationException();
                        }
                        return true;
                    }));
            long[] partial = said.stream().mapToLong(id -> id).toArray();
            assertAsRead(model, joined(FIRST, partial, new long[] {20, 21}), reading, 3);
        }
    }

    @Test
    void aPromptThatIsRefusedLeavesWhatWasRead() throws Exception {
        try (Model model = open("gpt2");
                Reading reading = new Reading()) {
            assertAsRead(model, FIRST, reading, FIRST.length);
            long[] tooLong = new long[(int) model.description().maxPositions()];
            assertThrows(IllegalArgumentException.class, () -> goOn(Generator.of(model), tooLong, reading));
            assertAsRead(model, FIRST, reading, 1);
            // an answer that fills the positions
            long[] prompt = joined(FIRST, LongStream.range(3, 50).toArray());
            Continuation made = Generator.of(model)
                    .generate(prompt, 0, 100, Set.of(), SamplingConfig.GREEDY, (row, id) -> true, reading);
            assertEquals(Continuation.Stop.MAX_POSITIONS, made.stop());
            assertArrayEquals(Generator.of(model).greedy(prompt, 100, Set.of()).ids(), made.ids());
        }
    }

    /** A listener may ask with the reading that its own answer is made with. */
    @Test
    void whatIsAskedMeanwhileIsReadFromItsBeginning() throws Exception {
        try (Model model = open("llama_gqa");
                Reading reading = new Reading()) {
            Generator generator = Generator.of(model);
            Continuation alone = generator.greedy(FIRST, ANSWER, Set.of());
            List<Continuation> within = new ArrayList<>();
            Continuation made =
                    goOn(generator, FIRST, reading, (row, id) -> within.add(goOn(generator, FIRST, reading)));
            assertEquals(alone, made);
            assertEquals(ANSWER, within.size());
            assertEquals(Set.of(alone), Set.copyOf(within));
            assertAsRead(model, joined(FIRST, made.ids()), reading, 1);
        }
    }

    @Test
    void whatIsClosedHoldsNothingAndSaysSo() throws Exception {
        try (Model model = open("llama_gqa")) {
            Generator generator = Generator.of(model);
            generator.greedy(FIRST, ANSWER, Set.of());
            long baseline = LiveObjects.settled();
            for (int i = 0; i < 50; i++) {
                try (Reading reading = new Reading()) {
                    long[] prompt = FIRST;
                    for (int turn = 0; turn < 3; turn++) {
                        prompt = joined(prompt, goOn(generator, prompt, reading).ids(), new long[] {20});
                    }
                    assertTrue(NativeScope.liveObjects() > baseline);
                }
                assertEquals(baseline, NativeScope.liveObjects());
            }
            // closed by a listener, while it is used
            Reading reading = new Reading();
            Continuation made = goOn(generator, FIRST, reading, (row, id) -> {
                reading.close();
                return true;
            });
            assertEquals(generator.greedy(FIRST, ANSWER, Set.of()), made);
            assertEquals(baseline, NativeScope.liveObjects());
            // used by a listener, whose answer is kept first
            try (Reading shared = new Reading()) {
                goOn(
                        generator,
                        FIRST,
                        shared,
                        (row, id) -> goOn(generator, FIRST, shared).ids().length > 0);
            }
            assertEquals(baseline, NativeScope.liveObjects());
            IllegalStateException closed =
                    assertThrows(IllegalStateException.class, () -> goOn(generator, FIRST, reading));
            assertEquals("the reading is closed", closed.getMessage());
        }
    }
}
