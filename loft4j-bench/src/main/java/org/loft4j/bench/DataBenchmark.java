package org.loft4j.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.data.Tokenizer;
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

/** What comes before a step: a thousand sentences into tokens, and a batch of 32 rows of 64 tokens out of them. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class DataBenchmark {
    private static final List<String> WORDS = List.of(
            "the",
            "river",
            "carried",
            "ships",
            "towards",
            "a",
            "harbour",
            "where",
            "nobody",
            "waited",
            "unexpectedly",
            "quiet",
            "and",
            "seventeen",
            "lanterns",
            "burned",
            "until",
            "morning",
            "came",
            "slowly");

    /** A directory with tokenizer.json; {@code ./loft demo} leaves one under the cache, models/all-minilm-l6-v2-2. */
    @Param("")
    public String model = "";

    private final List<String> sentences = new ArrayList<>();
    private final int[] rows = IntStream.range(0, 32).map(i -> 31 * i).toArray();
    private @Nullable Tokenizer tokenizer;
    private @Nullable Dataset dataset;

    /** Reads the tokenizer. */
    @Setup(Level.Trial)
    public void open() throws IOException {
        SplittableRandom random = new SplittableRandom(1);
        List<int[]> ids = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            List<String> words = new ArrayList<>();
            for (int word = 0; word < 20; word++) {
                words.add(WORDS.get(random.nextInt(WORDS.size())));
            }
            sentences.add(String.join(" ", words));
            ids.add(random.ints(64, 0, 8192).toArray());
        }
        tokenizer = Tokenizer.open(Path.of(model));
        dataset = Dataset.causalLmIds(ids);
    }

    /** A thousand sentences of twenty words, one after the other. */
    @Benchmark
    public long tokenise() {
        Tokenizer own = Objects.requireNonNull(tokenizer);
        long tokens = 0;
        for (String sentence : sentences) {
            tokens += own.encodeTruncated(sentence, 64).length;
        }
        return tokens;
    }

    /** One batch. */
    @Benchmark
    public Batch collate() {
        return Batch.collate(Objects.requireNonNull(dataset), rows, 0);
    }

    /** Frees the tokenizer. */
    @TearDown(Level.Trial)
    public void close() {
        Objects.requireNonNull(tokenizer).close();
    }
}
