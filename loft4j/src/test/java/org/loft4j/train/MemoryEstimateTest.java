package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.RecurrentMixer;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Threads;

/**
 * The arithmetic against what optimizers really take, and part against part. {@link MemoryEstimateOfFamiliesTest} has what families have
 * of their own, {@link MemoryEstimateProcessTest} whole processes.
 */
class MemoryEstimateTest {
    private static MemoryEstimate benchModel(String method, Dtype dtype, boolean checkpointing) throws IOException {
        try (Model outline = MemoryProbe.outline("plain", dtype)) {
            return MemoryProbe.estimate(outline, "plain", method, checkpointing, LoadIn.FULL);
        }
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void theStateOfEveryMethodIsWhatItsFormulaSays(Method method) {
        LlamaConfig config = LlamaConfig.of(64, 96, 1, 4, 4, 160, 32);
        LoraConfig lora = LoraConfig.of(2, 4, TargetModules.allLinear());
        TrainConfig settings = TrainConfig.builder(method).build();
        MemoryPlan plan = new MemoryPlan(
                settings,
                lora,
                LoadIn.FULL,
                new MemoryPlan.Load(1, 8, 0, 0),
                new MemoryPlan.Attention(4, false, false));
        try (Model model = LlamaModel.random(config, DeviceSpec.CPU, Dtype.F32, 1);
                Trainable trainable = Trainable.create(model, lora, settings);
                NativeScope scope = new NativeScope()) {
            long real = trainable.optimizer().state().values().stream()
                    .mapToLong(tensor -> tensor.numel() * tensor.element_size())
                    .sum();
            MemoryEstimate estimate = MemoryEstimate.of(model, plan);
            assertEquals(real, estimate.optimizer(), 0.08 * real, method.word());
            // LoRA-FA keeps its A frozen
            if (method.usesAdapter() && method != Method.LORA_FA) {
                assertEquals(trainable.elements() * 4, estimate.adapter(), 0.08 * real, method.word());
            }
            if (method.usesAdapter()) {
                assertEquals(trainable.elements() * 4, estimate.gradients(), 0.08 * real, method.word());
            }
        }
    }

    /** It lies nowhere, and the run that is reckoned by it does. */
    @Test
    void anOutlineIsReckonedWhereTheRunTakesPlace() throws IOException {
        Path stories = Fixture.directory("stories260K");
        ModelOptions options = ModelOptions.of(Task.CAUSAL_LM);
        MemoryPlan plan = new MemoryPlan(
                TrainConfig.builder(Method.FULL).build(),
                null,
                LoadIn.FULL,
                new MemoryPlan.Load(4, 32, 0, 0),
                new MemoryPlan.Attention(8, false, false));
        try (Threads two = Threads.of(2);
                Model outline = Models.outline(stories, options);
                Model opened = Models.open(stories, options)) {
            MemoryEstimate estimate = MemoryEstimate.of(outline, plan);
            assertEquals(MemoryEstimate.of(opened, plan), estimate);
            assertEquals(estimate.weights(), estimate.scattered());
            MemoryEstimate elsewhere = MemoryEstimate.of(outline, plan, new DeviceSpec(DeviceSpec.Kind.CUDA, 0));
            assertEquals(0, elsewhere.scattered());
            assertEquals(elsewhere.weights(), elsewhere.gradients(), "none wait");
        }
    }

    @Test
    void whatSavesMemorySavesItInTheEstimateToo() throws IOException {
        MemoryEstimate plain = benchModel("lora", Dtype.F32, false);
        MemoryEstimate again = benchModel("lora", Dtype.F32, true);
        MemoryEstimate half = benchModel("lora", Dtype.BF16, false);
        assertTrue(again.activations() < plain.activations() / 8, again + " " + plain);
        assertTrue(half.weights() * 2 == plain.weights(), half + " " + plain);
        assertTrue(benchModel("loft", Dtype.F32, false).optimizer() > plain.optimizer());
    }

    /** A byte for each number that a layer reads; of DoRA, and where libtorch drops them, also what is left of them. */
    @ParameterizedTest
    @CsvSource({"LORA, CPU, 1", "LOFT, CPU, 1", "LORA_FA, CPU, 1", "LORA, CUDA, 5", "LORA_FA, CUDA, 1"})
    void whatDropoutKeepsIsReckoned(Method method, DeviceSpec.Kind device, int bytes) {
        LlamaConfig config = LlamaConfig.of(64, 96, 2, 4, 4, 160, 32);
        try (Model model = LlamaModel.random(config, DeviceSpec.CPU, Dtype.F32, 1)) {
            long[] activations = DoubleStream.of(0, 0.1)
                    .mapToLong(share -> MemoryEstimate.of(
                                    model,
                                    new MemoryPlan(
                                            TrainConfig.builder(method).build(),
                                            new LoraConfig(
                                                    2,
                                                    4,
                                                    share,
                                                    TargetModules.allLinear(),
                                                    (String) null,
                                                    false,
                                                    List.of()),
                                            LoadIn.FULL,
                                            new MemoryPlan.Load(1, 8, 0, 0),
                                            new MemoryPlan.Attention(4, false, false)),
                                    new DeviceSpec(device, 0))
                            .activations())
                    .toArray();
            // q, k, v, o, gate and up read the states, down what the gate leaves
            assertEquals(2 * 8 * (6 * 96 + 160) * bytes, activations[1] - activations[0]);
        }
    }

    /** Of four matrices' shapes nine products each are compiled for each shape of a batch beyond the first, and not more than are kept. */
    @Test
    void whatIsCompiledForRowsOfManyLengthsIsReckonedInHalfTypes() {
        LlamaConfig config = LlamaConfig.of(64, 96, 2, 4, 4, 160, 32);
        for (Dtype dtype : new Dtype[] {Dtype.BF16, Dtype.F32}) {
            try (Model model = LlamaModel.random(config, DeviceSpec.CPU, dtype, 1)) {
                long[] program = LongStream.of(1, 2, 1000)
                        .map(shapes -> MemoryEstimate.of(
                                        model,
                                        new MemoryPlan(
                                                TrainConfig.builder(Method.LORA).build(),
                                                LoraConfig.of(2, 4, TargetModules.allLinear()),
                                                LoadIn.FULL,
                                                new MemoryPlan.Load(1, 8, 0, 0).ofShapes(shapes),
                                                new MemoryPlan.Attention(4, false, false)))
                                .program())
                        .toArray();
                // 96×96, 160×96, 96×160, and the head's 64×96
                assertEquals(dtype == Dtype.F32 ? 0 : 4 * 9 * 330_000, program[1] - program[0]);
                assertEquals(dtype == Dtype.F32 ? 0 : 1024 * 330_000, program[2] - program[0]);
            }
        }
    }

    /** A that is frozen has neither gradient nor state, and keeps nothing of what a layer reads. */
    @Test
    void whatLoraFaSavesIsReckoned() throws IOException {
        MemoryEstimate lora = benchModel("lora", Dtype.F32, false);
        MemoryEstimate frozen = benchModel("lora-fa", Dtype.F32, false);
        long tokens = (long) MemoryProbe.ROWS * MemoryProbe.COLUMNS;
        // eight layers: queries, keys and values read one vector, gate and up another, down the inner one
        assertEquals(8 * tokens * (2 * 512 + 1408) * 4, lora.activations() - frozen.activations());
        long elementsOfA = 8 * 16 * (6 * 512 + 1408);
        assertEquals(4 * elementsOfA, lora.gradients() - frozen.gradients());
        assertEquals(2 * 4 * elementsOfA, lora.optimizer() - frozen.optimizer());
        assertEquals(lora.adapter(), frozen.adapter());
    }

    /** What is trained in full in bfloat16 is added up over micro-batches in float32; one row has one lane, in which nothing waits. */
    @Test
    void gradientsOfHalfTypesThatAreAddedUpAreReckoned() throws IOException {
        TrainConfig.Builder config = TrainConfig.builder(Method.FULL);
        MemoryPlan one = new MemoryPlan(
                config.build(),
                null,
                LoadIn.FULL,
                new MemoryPlan.Load(1, 8, 0, 0),
                new MemoryPlan.Attention(4, false, false));
        MemoryPlan several = one.with(config.gradientAccumulationSteps(2).build(), LoadIn.FULL, one.load());
        try (Model model = MemoryProbe.outline("plain", Dtype.BF16)) {
            long elements = model.weights().elements();
            assertEquals(2 * elements, MemoryEstimate.of(model, one).gradients());
            assertEquals(4 * elements, MemoryEstimate.of(model, several).gradients());
            // beside them the next micro-batch has its activations
            assertEquals(0, MemoryEstimate.of(model, one).earlier());
            assertEquals(4 * elements, MemoryEstimate.of(model, several).earlier());
        }
    }

    /** Gradients of adapters are small, and one lane has one heap. */
    @Test
    void whatSeveralLanesScatterCountsWhereTheModelIsTrained() throws IOException {
        try (Threads two = Threads.of(2)) {
            MemoryEstimate full = benchModel("full", Dtype.F32, false);
            assertEquals(full.weights(), full.scattered());
            assertEquals(0, benchModel("loft", Dtype.F32, false).scattered());
            try (Threads one = Threads.of(1)) {
                assertEquals(0, benchModel("full", Dtype.F32, false).scattered());
            }
        }
    }

    /** A lane would have a gradient of the largest matrix for itself; those of such have pages of their own, which go back at once. */
    @Test
    void matricesThatAreTooLargeForEachLaneAreNotScattered() throws IOException {
        try (Threads two = Threads.of(2);
                Model words = MemoryProbe.outline("words", Dtype.BF16);
                Model tied = MemoryProbe.outline("tied", Dtype.BF16)) {
            MemoryEstimate ofTwo = MemoryProbe.estimate(words, "words", "full", false, LoadIn.FULL);
            assertTrue(ofTwo.scattered() > 0, ofTwo.toString());
            long matrices = 2L * 131_072 * 512;
            assertEquals(2 * (words.weights().elements() - matrices), ofTwo.scattered());
            MemoryEstimate ofOne = MemoryProbe.estimate(tied, "tied", "full", false, LoadIn.FULL);
            assertEquals(0, ofOne.scattered());
            assertEquals(ofOne.weights(), ofOne.gradients(), "none wait");
        }
    }

    /**
     * Norms of heads keep what they read, in four bytes in the place of two. Where the scores of long texts are not kept, our attention
     * leaves heads as they are; elsewhere queries, keys, values and what they yield are float32 in the place of three in two bytes.
     */
    @ParameterizedTest
    @CsvSource({"1, 0", "16, 10"})
    void halfTypesAreWideInAttentionOverLongTexts(int threads, long bytesOfHeads) throws IOException {
        // four rows are not shared out over sixteen
        try (Threads these = Threads.of(threads);
                Model half = MemoryProbe.outline("long", Dtype.BF16);
                Model wide = MemoryProbe.outline("long", Dtype.F32)) {
            MemoryEstimate narrow = MemoryProbe.estimate(half, "long", "lora", false, LoadIn.FULL);
            MemoryEstimate full = MemoryProbe.estimate(wide, "long", "lora", false, LoadIn.FULL);
            long numbers = 4 * 4L * 1024 * 512;
            assertEquals(numbers * (bytesOfHeads + 2 * (4 - 2)), narrow.activations() - full.activations() / 2);
        }
    }

    /** On the host, whatever the device. */
    @Test
    void rowsOnTheHeapCount() throws IOException {
        MemoryPlan without = new MemoryPlan(
                TrainConfig.builder(Method.LORA).build(),
                LoraConfig.of(16, 16, TargetModules.allLinear()),
                LoadIn.FULL,
                new MemoryPlan.Load(1, 8, 0, 0),
                new MemoryPlan.Attention(4, false, false));
        MemoryPlan with = new MemoryPlan(
                without.config(),
                without.lora(),
                LoadIn.FULL,
                without.load(),
                without.attention(),
                new MemoryPlan.Rows(3_000_000_000L, 100_000_000));
        try (Model model = MemoryProbe.outline("plain", Dtype.F32)) {
            MemoryEstimate plain = MemoryEstimate.of(model, without);
            MemoryEstimate full = MemoryEstimate.of(model, with);
            assertEquals(plain.total() + 3_000_000_000L, full.total());
            assertEquals(3_000_000_000L, full.parts().get("rows"));
            assertEquals(plain.onDevice(), full.onDevice());
            MemoryEstimate streamed = MemoryEstimate.of(model, with.streaming());
            assertEquals(plain.total() + 100_000_000, streamed.total());
        }
    }

    /** All that a checkpoint holds is copied, and the next steps are taken beside the copy. */
    @ParameterizedTest
    @EnumSource(Method.class)
    void aSaveInTheBackgroundTakesWhatItsCopyTakes(Method method) {
        LlamaConfig config = LlamaConfig.of(64, 96, 1, 4, 4, 160, 32);
        LoraConfig lora = LoraConfig.of(2, 4, TargetModules.allLinear());
        MemoryPlan plan = new MemoryPlan(
                TrainConfig.builder(method).build(),
                lora,
                LoadIn.FULL,
                new MemoryPlan.Load(1, 8, 0, 0),
                new MemoryPlan.Attention(4, false, false));
        TrainConfig waiting =
                TrainConfig.builder(method).saveInBackground(false).build();
        try (Model model = LlamaModel.random(config, DeviceSpec.CPU, Dtype.F32, 1)) {
            MemoryEstimate copying = MemoryEstimate.of(model, plan);
            long saved = method.usesAdapter() ? copying.adapter() : copying.weights();
            assertEquals(saved + copying.optimizer(), copying.copy(), method.word());
            MemoryEstimate without = MemoryEstimate.of(model, plan.with(waiting, LoadIn.FULL, plan.load()));
            assertEquals(0, without.copy(), method.word());
            assertEquals(copying.total() - copying.copy(), without.total(), method.word());
            // of both a device has neither the program nor the copy
            MemoryEstimate there = copying.onDevice();
            assertEquals(without.total() - without.program(), there.total(), method.word());
            assertEquals(without.onDevice(), there, method.word());
        }
    }

    private static MemoryEstimate ofRewards(Path directory, double beta) throws IOException {
        MemoryPlan plan = new MemoryPlan(
                TrainConfig.builder(Method.LORA)
                        .loss(loss -> loss.withRewards(loss.rewards().withBeta(beta)))
                        .build(),
                LoraConfig.of(1, 1, TargetModules.allLinear()),
                LoadIn.FULL,
                new MemoryPlan.Load(64, 288, 0, 0, 1_000_000),
                new MemoryPlan.Attention(8, false, false));
        try (Model outline = Models.outline(directory, ModelOptions.of(Task.CAUSAL_LM))) {
            return MemoryEstimate.of(outline, plan);
        }
    }

    /**
     * Of each token of prompts and answers five layers keep keys and values of four heads of eight numbers, with room for another. Of
     * the next token there are 512 logits for each of the 64 texts.
     */
    @Test
    void answersAreReckonedByWhatTheirCacheKeeps() throws IOException {
        Path stories = Fixture.directory("stories260K");
        MemoryEstimate free = ofRewards(stories, 0);
        assertEquals(1_000_000L * 2 * 5 * 2 * 4 * 8 * 4 + 64 * 512 * 4, free.evaluation());
        // what was before training, and what is while that is looked at
        assertEquals(3 * free.adapter(), ofRewards(stories, 0.1).adapter());
        // one layer of four has keys and values, the others a matrix a head for each of the 64 texts
        Path linear = Fixture.directory("qwen3_5_text");
        try (Model outline = Models.outline(linear, ModelOptions.of(Task.CAUSAL_LM))) {
            CausalDecoder decoder = (CausalDecoder) outline;
            long keys = 0;
            long memories = 0;
            for (DecoderBlock block : decoder.blocks()) {
                keys += block.attention().cached();
                memories += block.attention() instanceof RecurrentMixer mixer ? mixer.remembered() : 0;
            }
            assertTrue(keys > 0 && memories > 0);
            assertEquals(
                    1_000_000L * 2 * keys * 4
                            + 64 * memories * 4
                            + 64 * outline.description().vocabularySize() * 4,
                    ofRewards(linear, 0).evaluation());
        }
    }
}
