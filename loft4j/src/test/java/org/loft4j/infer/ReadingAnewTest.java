package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.loft4j.infer.Readings.ANSWER;
import static org.loft4j.infer.Readings.FIRST;
import static org.loft4j.infer.Readings.assertAsRead;
import static org.loft4j.infer.Readings.goOn;
import static org.loft4j.infer.Readings.joined;
import static org.loft4j.infer.Readings.open;

import java.util.Objects;
import java.util.Set;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.Test;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.model.Fixture;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.tensor.NativeScope;

/** What was read is read again where an adapter, a weight or the model is another, or where reading failed. */
class ReadingAnewTest {
    /** The first layer has read the tokens by then, and the second one not. */
    @Test
    void aFaultWhileReadingLeavesNothing() throws Exception {
        try (Model model = open("llama_gqa");
                Reading reading = new Reading()) {
            assertAsRead(model, FIRST, reading, FIRST.length);
            Linear second = Objects.requireNonNull(model.linears().get("model.layers.1.self_attn.q_proj"));
            second.setForward((layer, input) -> {
                throw new OutOfMemoryError("native");
            });
            long[] further = joined(FIRST, new long[] {1, 2});
            assertThrows(OutOfMemoryError.class, () -> goOn(Generator.of(model), further, reading));
            second.setForward(null);
            assertAsRead(model, further, reading, further.length);
        }
    }

    /** Adapters have keys and values of their own, and what was read without one is read again with it. */
    @Test
    void anotherAdapterReadsAnew() throws Exception {
        try (Model model = open("llama_gqa");
                Reading reading = new Reading();
                Reading base = new Reading()) {
            assertAsRead(model, FIRST, base, FIRST.length);
            try (LoraAdapter adapter =
                    PeftFiles.load(Fixture.directory("llama_gqa").resolve("adapter"), model)) {
                assertNotEquals(
                        Generator.of(model).greedy(FIRST, ANSWER, Set.of()),
                        withoutAdapter(model, adapter),
                        "the adapter says something else");
                assertAsRead(model, FIRST, reading, FIRST.length);
                adapter.detach();
                // what the one and the other has read is there still
                assertAsRead(model, FIRST, base, 1);
                adapter.attach();
                assertAsRead(model, FIRST, reading, 1);
                assertAsRead(model, FIRST, base, FIRST.length);
                adapter.merge();
                assertAsRead(model, FIRST, reading, FIRST.length);
                adapter.unmerge();
                assertAsRead(model, FIRST, reading, FIRST.length);
                assertAsRead(model, FIRST, reading, 1);
                try (LoraAdapter other =
                        PeftFiles.load(Fixture.directory("llama_gqa").resolve("adapter"), model)) {
                    assertFalse(adapter.isAttached());
                    assertAsRead(model, FIRST, reading, FIRST.length);
                }
                adapter.attach();
                assertAsRead(model, FIRST, reading, FIRST.length);
            }
            assertAsRead(model, FIRST, reading, FIRST.length);
        }
    }

    /** What is put by with an adapter may have been another's to change. */
    @Test
    void aChangeWhileAnAdapterIsPutByReadsAnew() throws Exception {
        try (Model model = open("llama_gqa");
                Reading reading = new Reading();
                Reading base = new Reading()) {
            assertAsRead(model, FIRST, base, FIRST.length);
            try (LoraAdapter adapter =
                            PeftFiles.load(Fixture.directory("llama_gqa").resolve("adapter"), model);
                    LoraAdapter other =
                            PeftFiles.load(Fixture.directory("llama_gqa").resolve("adapter"), model)) {
                assertAsRead(model, FIRST, reading, FIRST.length);
                adapter.attach();
                adapter.mergeAndClose();
                other.attach();
                assertAsRead(model, FIRST, reading, FIRST.length);
                other.detach();
                assertAsRead(model, FIRST, base, FIRST.length);
                other.attach();
                doubled(model);
                other.detach();
                assertAsRead(model, FIRST, base, FIRST.length);
            }
        }
    }

    /** Writes to a weight, and says so. */
    private static void doubled(Model model) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            model.weights().get("model.embed_tokens.weight").mul_(new Scalar(2.0));
            model.weights().markChanged();
        }
    }

    private static Continuation withoutAdapter(Model model, LoraAdapter adapter) {
        adapter.detach();
        try {
            return Generator.of(model).greedy(FIRST, ANSWER, Set.of());
        } finally {
            adapter.attach();
        }
    }

    /** Half of the answer is that of one model, and half that of another: nothing to go on from. */
    @Test
    void aModelThatChangesMeanwhileLeavesNothing() throws Exception {
        try (Model model = open("llama_gqa");
                Reading reading = new Reading();
                LoraAdapter adapter =
                        PeftFiles.load(Fixture.directory("llama_gqa").resolve("adapter"), model)) {
            goOn(Generator.of(model), FIRST, reading, (row, id) -> {
                adapter.detach();
                return true;
            });
            adapter.attach();
            assertAsRead(model, FIRST, reading, FIRST.length);
        }
    }

    @Test
    void anotherModelReadsAnew() throws Exception {
        try (Model model = open("llama_gqa");
                Model other = open("llama_gqa");
                Reading reading = new Reading()) {
            assertAsRead(model, FIRST, reading, FIRST.length);
            assertAsRead(other, FIRST, reading, FIRST.length);
            other.weights().markChanged();
            assertAsRead(other, FIRST, reading, FIRST.length);
        }
    }
}
