package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.LongStream;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PromptSampler;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;

/** Models that go on from what they have read, and whether they say what they would without it. */
final class Readings {
    static final int ANSWER = 6;
    static final long[] FIRST = {5, 17, 42, 8, 99, 120, 3, 61, 77};

    private Readings() {}

    static Continuation goOn(Generator generator, long[] prompt, Reading reading) {
        return goOn(generator, prompt, reading, (row, id) -> true);
    }

    static Continuation goOn(Generator generator, long[] prompt, Reading reading, PromptSampler.Listener listener) {
        return generator.generate(prompt, 0, ANSWER, Set.of(), SamplingConfig.GREEDY, listener, reading);
    }

    /** What is made with a reading is what is made without one, and so many tokens are read before the first is drawn. */
    static long[] assertAsRead(Model model, long[] prompt, Reading reading, long first) {
        // each token of the prompt and the answer that the model was given, by call
        List<Long> columns = new ArrayList<>();
        Generator heard = new Generator(ScriptedDecoder.heard((Decoder) model, (rows, read) -> columns.add(read)));
        Continuation made = goOn(heard, prompt, reading);
        assertEquals(Generator.of(model).greedy(prompt, ANSWER, Set.of()), made, Arrays.toString(prompt));
        assertEquals(first, columns.get(0), "columns read first, of " + prompt.length);
        return made.ids();
    }

    static long[] joined(long[]... parts) {
        return Arrays.stream(parts).flatMapToLong(LongStream::of).toArray();
    }

    /** In float64: where weights are random two tokens may be so near each other that rounding would choose. */
    static Model open(String name) throws IOException {
        return open(Fixture.directory(name));
    }

    static Model open(Path directory) throws IOException {
        return Models.open(directory, ModelOptions.of(Task.CAUSAL_LM).withDtype(Dtype.F64));
    }
}
