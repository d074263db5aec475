package org.loft4j.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.infer.Continuation;
import org.loft4j.infer.Generator;
import org.loft4j.infer.Reading;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** A Llama with random weights goes on with prompts of random tokens: the time to the first token, and to 32 more, and to the first of a further turn. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class GenerationBenchmark {
    private static final long VOCABULARY = 8192;

    /** Hidden size × layers: the bench model, and the larger one. */
    @Param({"512x8", "2048x4"})
    public String size = "512x8";

    /** Of the weights. */
    @Param("float32")
    public String dtype = "float32";

    /** Rank of an adapter on all linear layers; 0 for none. */
    @Param("0")
    public int rank;

    /** Prompts at once. */
    @Param({"1", "8"})
    public int batch = 1;

    /** Tokens of a prompt. */
    @Param({"16", "512"})
    public int prompt = 16;

    /** What a turn of a conversation adds to a prompt, of {@link #turn}. */
    private static final int TURN = 64;

    private final List<long[]> prompts = new ArrayList<>();
    private final List<long[]> turns = new ArrayList<>();
    private @Nullable Reading reading;
    private int turned;
    private @Nullable Model model;
    private @Nullable LoraAdapter adapter;

    /** The model and its prompts. */
    @Setup(Level.Trial)
    public void open() {
        LlamaConfig config = switch (size) {
            case "512x8" -> LlamaConfig.of(VOCABULARY, 512, 8, 8, 8, 1408, 4096);
            case "2048x4" -> LlamaConfig.of(VOCABULARY, 2048, 4, 16, 16, 5632, 4096);
            default -> throw new ConfigException("size must be 512x8 or 2048x4, got " + size);
        };
        Model opened = LlamaModel.random(config, DeviceSpec.CPU, Dtype.parse("dtype", dtype), 1);
        model = opened;
        adapter = rank == 0
                ? null
                : LoraAdapter.create(opened, LoraConfig.of(rank, 2.0 * rank, TargetModules.allLinear()), 1);
        opened.setTraining(false);
        Random random = new Random(1);
        for (int i = 0; i < batch; i++) {
            prompts.add(random.longs(prompt, 0, VOCABULARY).toArray());
        }
        long[] before = random.longs(prompt, 0, VOCABULARY).toArray();
        for (int i = 0; i < 2; i++) {
            long[] further = random.longs(TURN, 0, VOCABULARY).toArray();
            turns.add(LongStream.concat(Arrays.stream(before), Arrays.stream(further))
                    .toArray());
        }
        reading = new Reading();
    }

    /** The first token of each. */
    @Benchmark
    public List<Continuation> first() {
        return tokens(1);
    }

    /** The first token of an answer to a further turn of a conversation, whatever the batch: the prompt was read before. */
    @Benchmark
    public Continuation turn() {
        return Generator.of(Objects.requireNonNull(model))
                .generate(
                        turns.get(turned++ % 2),
                        0,
                        1,
                        Set.of(),
                        SamplingConfig.GREEDY,
                        (row, id) -> true,
                        Objects.requireNonNull(reading));
    }

    /** The first token, and 32 more. */
    @Benchmark
    public List<Continuation> answer() {
        return tokens(33);
    }

    private List<Continuation> tokens(int count) {
        return Generator.of(Objects.requireNonNull(model))
                .generate(prompts, count, Set.of(), SamplingConfig.GREEDY, (row, id) -> true);
    }

    /** Frees the model. */
    @TearDown(Level.Trial)
    public void close() {
        try (Model last = model;
                LoraAdapter then = adapter;
                Reading first = reading) {
            prompts.clear();
            turns.clear();
        }
    }
}
