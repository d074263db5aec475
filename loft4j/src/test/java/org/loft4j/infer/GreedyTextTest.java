package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The same text with a cache, without one, and in a batch of prompts of other lengths. */
class GreedyTextTest {
    private static final int TOKENS = 64;
    private static final int SOME = 16;
    private static final List<long[]> PROMPTS = List.of(
            new long[] {5, 17, 42, 8, 99, 120, 3, 61, 77}, new long[] {9, 200, 31}, new long[] {7, 7, 150, 11, 90});

    @ParameterizedTest
    @ValueSource(
            strings = {
                "llama_gqa",
                "llama3_rope_tied",
                "llama_yarn",
                "mistral_sw",
                "qwen2",
                "qwen2_sliding",
                "qwen3",
                "gemma2_cap",
                "gemma3_text",
                "smollm3_sliding",
                "granite",
                "granitemoehybrid",
                "granitemoehybrid_h_groups",
                "granitemoehybrid_moe",
                "granitemoe",
                "deepseek_v3",
                "glm4_moe",
                "deepseek_v2",
                "qwen2_moe",
                "stablelm_parallel",
                "glm4",
                "cohere",
                "cohere2",
                "seed_oss",
                "ernie4_5",
                "exaone4",
                "lfm2",
                "gpt_neo",
                "gpt_neox",
                "opt",
                "opt_post",
                "phi",
                "gemma",
                "starcoder2",
                "olmo2",
                "olmo3_yarn",
                "gemma3",
                "gemma4",
                "gemma4_text",
                "gemma4_moe",
                "llama4",
                "llama4_text",
                "mistral3",
                "qwen2_5_vl",
                "qwen3_vl",
                "qwen3_moe",
                "mixtral_sw",
                "olmoe",
                "gpt_oss",
                "gpt_oss_mxfp4",
                "mistral3_ministral3",
                "qwen3_5",
                "qwen3_5_text",
                "qwen3_5_moe",
                "qwen3_5_moe_text",
                "qwen3_next",
                "qwen3_next_tied",
                "stories260K"
            })
    void cacheBatchAndPaddingDoNotChangeAToken(String name) throws Exception {
        try (Model model = open(name)) {
            long room = model.description().maxPositions() - PROMPTS.get(0).length;
            assertAllEqual(model, (int) Math.min(TOKENS, room));
        }
    }

    /** A prompt of more than one chunk, and one that is shorter than the convolution, padded beside it. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "qwen3_5",
                "qwen3_5_text",
                "qwen3_5_moe",
                "lfm2",
                "lfm2_bias",
                "granitemoehybrid_h",
                "granitemoehybrid_h_groups",
                "granitemoehybrid_moe"
            })
    void longPromptsOfLinearAttentionGoOn(String name) throws Exception {
        long[] prompt = new SplittableRandom(5).longs(140, 3, 250).toArray();
        List<long[]> prompts = List.of(prompt, Arrays.copyOf(prompt, 65), new long[] {7, 8});
        try (Model model = open(name)) {
            Generator generator = Generator.of(model);
            List<Continuation> together =
                    generator.generate(prompts, 20, Set.of(), SamplingConfig.GREEDY, (row, id) -> true);
            for (int i = 0; i < prompts.size(); i++) {
                assertArrayEquals(
                        withoutCache(model, prompts.get(i), 20), together.get(i).ids(), "prompt " + i);
            }
        }
    }

    /** Its longest sequence is 64 tokens. */
    @Test
    void nearItsEndToo() throws Exception {
        try (Model model = open("gpt2")) {
            assertAllEqual(model, 64 - PROMPTS.get(0).length);
        }
    }

    /** The longest row fills the model's positions, and the others go on. */
    @Test
    void aRowThatIsFullDoesNotStopTheOthers() throws Exception {
        try (Model model = open("gpt2")) {
            Generator generator = Generator.of(model);
            List<Continuation> batched =
                    generator.generate(PROMPTS, TOKENS, Set.of(), SamplingConfig.GREEDY, (row, id) -> true);
            for (int i = 0; i < PROMPTS.size(); i++) {
                assertEquals(generator.greedy(PROMPTS.get(i), TOKENS, Set.of()), batched.get(i));
                assertEquals(64 - PROMPTS.get(i).length, batched.get(i).ids().length);
                assertEquals(Continuation.Stop.MAX_POSITIONS, batched.get(i).stop());
            }
        }
    }

    /** The rows that are left are read once without the padding beside the full one, and then a token at a time. */
    @Test
    void whatIsLeftBesideAFullRowIsReadOnce() throws Exception {
        try (Model model = open("llama_gqa")) {
            long[] longest = LongStream.range(3, 3 + 124).toArray();
            List<String> calls = new ArrayList<>();
            Decoder heard = ScriptedDecoder.heard((Decoder) model, (rows, columns) -> calls.add(rows + "x" + columns));
            new Generator(heard)
                    .generate(
                            List.of(longest, new long[] {5, 9}), 8, Set.of(), SamplingConfig.GREEDY, (row, id) -> true);
            assertEquals(List.of("2x124", "2x1", "2x1", "2x1", "1x1", "1x7", "1x1", "1x1"), calls);
        }
    }

    /** The angles of all positions change with each token beyond a length, or once at it. */
    @ParameterizedTest
    @ValueSource(strings = {"llama_dynamic", "phi3_partial", "phi3_longrope_short"})
    void whatWasReadIsReadAgainWhenAllAnglesChange(String name) throws Exception {
        try (Model model = open(name)) {
            long[] prompt = PROMPTS.get(1);
            long room = model.description().maxPositions() - prompt.length;
            int tokens = (int) Math.min(20, room);
            assertArrayEquals(
                    withoutCache(model, prompt, tokens),
                    Generator.of(model).greedy(prompt, tokens, Set.of()).ids());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama_gqa", "qwen3", "gpt2"})
    void anAdapterGivesTheSameTextMergedAndNot(String name) throws Exception {
        try (Model model = open(name)) {
            long[] bare =
                    Generator.of(model).greedy(PROMPTS.get(0), 40, Set.of()).ids();
            Path directory = Fixture.directory(name).resolve("adapter");
            try (LoraAdapter adapter = PeftFiles.load(directory, model)) {
                long[] beside =
                        Generator.of(model).greedy(PROMPTS.get(0), 40, Set.of()).ids();
                assertNotEquals(Arrays.toString(bare), Arrays.toString(beside));
                adapter.merge();
                assertArrayEquals(
                        beside,
                        Generator.of(model).greedy(PROMPTS.get(0), 40, Set.of()).ids());
                adapter.unmerge();
                adapter.detach();
                assertArrayEquals(
                        bare,
                        Generator.of(model).greedy(PROMPTS.get(0), 40, Set.of()).ids());
            }
        }
    }

    @Test
    void drawsDoNotDependOnTheBatch() throws Exception {
        SamplingConfig config = new SamplingConfig(1, 40, 0.95, 0, 1.1, 3);
        try (Model model = open("llama_gqa")) {
            Generator generator = Generator.of(model);
            List<Continuation> twice = new ArrayList<>();
            for (List<long[]> prompts : List.of(PROMPTS, PROMPTS.subList(0, 1))) {
                twice.add(generator
                        .generate(prompts, 30, Set.of(), config, (row, id) -> true)
                        .get(0));
            }
            assertEquals(twice.get(0), twice.get(1));
        }
    }

    @Test
    void drawsFollowTheNumberOfTheRow() throws Exception {
        SamplingConfig config = new SamplingConfig(1, 0, 1, 0, 1, 3);
        try (Model model = open("llama_gqa")) {
            Generator generator = Generator.of(model);
            List<long[]> same = List.of(PROMPTS.get(0), PROMPTS.get(0), PROMPTS.get(0));
            List<Continuation> together = generator.generate(same, 20, Set.of(), config, (row, id) -> true);
            assertNotEquals(together.get(0), together.get(1));
            assertNotEquals(together.get(1), together.get(2));
            List<Integer> heard = new ArrayList<>();
            List<Continuation> last =
                    generator.generate(same.subList(2, 3), 2, 20, Set.of(), config, (row, id) -> heard.add(row));
            assertEquals(together.subList(2, 3), last);
            assertEquals(Set.of(0), Set.copyOf(heard), "rows of the call are heard");
        }
    }

    @Test
    void rowsEndOneByOne() throws Exception {
        try (Model model = open("llama_gqa")) {
            Generator generator = Generator.of(model);
            List<Continuation> free =
                    generator.generate(PROMPTS, 12, Set.of(), SamplingConfig.GREEDY, (row, id) -> true);
            long end = free.get(1).ids()[3];
            List<Continuation> ended =
                    generator.generate(PROMPTS, 12, Set.of(end), SamplingConfig.GREEDY, (row, id) -> row != 2);
            long[] whole = free.get(1).ids();
            int first = 0;
            while (whole[first] != end) {
                first++;
            }
            assertArrayEquals(Arrays.copyOf(whole, first + 1), ended.get(1).ids());
            assertEquals(Continuation.Stop.STOP_ID, ended.get(1).stop());
            assertEquals(1, ended.get(2).ids().length);
            assertTrue(ended.get(2).stop() == Continuation.Stop.LISTENER
                    || free.get(2).ids()[0] == end);
        }
    }

    /** The cache keeps the keys, values and memory of those that go on, which say what they say alone. */
    @ParameterizedTest
    @ValueSource(strings = {"llama_gqa", "qwen2_sliding", "gpt2", "qwen3_5", "lfm2", "granitemoehybrid_h_groups"})
    void whatHasEndedIsReadNoFurther(String name) throws Exception {
        try (Model model = open(name)) {
            List<Long> read = new ArrayList<>();
            int[] lengths = {3, 12, 7};
            int[] heard = new int[3];
            List<Continuation> ended = new Generator(
                            ScriptedDecoder.heard((Decoder) model, (rows, columns) -> read.add(rows)))
                    .generate(PROMPTS, 30, Set.of(), SamplingConfig.GREEDY, (row, id) -> ++heard[row] < lengths[row]);
            assertEquals(List.of(3L, 3L, 3L, 2L, 2L, 2L, 2L, 1L, 1L, 1L, 1L, 1L), read);
            for (int i = 0; i < lengths.length; i++) {
                assertArrayEquals(
                        Generator.of(model)
                                .greedy(PROMPTS.get(i), lengths[i], Set.of())
                                .ids(),
                        ended.get(i).ids(),
                        "prompt " + i);
            }
        }
    }

    /** One row at a time, when its token is drawn: those of a large batch and vocabulary would fill the heap. */
    @Test
    void logitsComeToTheHeapOnce() throws Exception {
        float[] logits = new float[200_000];
        logits[7] = 1;
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Model model = open("stories260K")) {
            Generator generator = new Generator(ScriptedDecoder.of((Decoder) model, i -> logits));
            List<long[]> prompts = Collections.nCopies(8, new long[] {5});
            long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
            List<Continuation> made =
                    generator.generate(prompts, 4, Set.of(), SamplingConfig.GREEDY, (row, id) -> true);
            long allocated =
                    threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
            assertArrayEquals(new long[] {7, 7, 7, 7}, made.get(7).ids());
            long once = 8L * 4 * logits.length * Float.BYTES;
            assertTrue(allocated < once * 5 / 4, allocated + " bytes allocated for " + once + " of logits");
        }
    }

    private static void assertAllEqual(Model model, int tokens) {
        Generator generator = Generator.of(model);
        long vocabulary = model.description().vocabularySize();
        List<long[]> prompts = PROMPTS.stream()
                .map(ids -> Arrays.stream(ids).map(id -> id % vocabulary).toArray())
                .toList();
        long baseline = 0;
        List<Continuation> batched =
                generator.generate(prompts, tokens, Set.of(), SamplingConfig.GREEDY, (row, id) -> true);
        for (int i = 0; i < prompts.size(); i++) {
            // to the end for the longest only: what all of them say is read whole
            int some = i == 0 ? tokens : Math.min(SOME, tokens);
            long[] alone = generator.greedy(prompts.get(i), some, Set.of()).ids();
            long[] together = batched.get(i).ids();
            assertArrayEquals(Arrays.copyOf(together, some), alone, "batched, prompt " + i);
            assertArrayEquals(readWhole(model, prompts.get(i), together), together, "without a cache, prompt " + i);
            if (i == 0) {
                baseline = LiveObjects.settled();
            }
            assertEquals(baseline, NativeScope.liveObjects(), "native objects are left behind");
        }
    }

    /** What follows each of the tokens, of a single pass over all of them: no token sees those behind it. */
    private static long[] readWhole(Model model, long[] prompt, long[] answer) {
        long[] ids = Arrays.copyOf(prompt, prompt.length + answer.length - 1);
        System.arraycopy(answer, 0, ids, prompt.length, answer.length - 1);
        try (NativeScope scope = new NativeScope();
                NoGradGuard frozen = new NoGradGuard()) {
            Tensor logits = model.logits(new TokenInput(Tensors.of(ids, 1, ids.length), null));
            return Tensors.toLongs(logits.narrow(1, prompt.length - 1, answer.length)
                    .argmax(new LongOptional(2), false)
                    .flatten());
        }
    }

    private static long[] withoutCache(Model model, long[] prompt, int tokens) {
        long[] ids = prompt.clone();
        for (int i = 0; i < tokens; i++) {
            try (NativeScope scope = new NativeScope();
                    NoGradGuard frozen = new NoGradGuard()) {
                Tensor logits = model.logits(new TokenInput(Tensors.of(ids, 1, ids.length), null));
                long next = logits.select(1, ids.length - 1)
                        .argmax(new LongOptional(1), false)
                        .item_long();
                ids = Arrays.copyOf(ids, ids.length + 1);
                ids[ids.length - 1] = next;
            }
        }
        return Arrays.copyOfRange(ids, prompt.length, ids.length);
    }

    /** In float64 where the weights are random: there two tokens may be so near each other that rounding would choose. */
    private static Model open(String name) throws Exception {
        Dtype dtype = name.equals("stories260K") ? Dtype.F32 : Dtype.F64;
        return Models.open(
                Fixture.directory(name), ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype));
    }
}
