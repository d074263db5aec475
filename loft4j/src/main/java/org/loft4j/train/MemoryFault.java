package org.loft4j.train;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.loft4j.NativeMemoryException;
import org.loft4j.data.Batch;
import org.loft4j.data.ImageBatch;
import org.loft4j.data.MiniBatch;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.ProcessMemory;

/** Says what took the memory, when there was not enough of it. */
public final class MemoryFault {
    private static final String SIZE_LIMIT = "physical memory usage";

    private static final List<String> SIGNS = List.of(
            "not enough memory",
            "out of memory",
            "can't allocate memory",
            "bad_alloc",
            "bad allocation",
            // of cuBLAS, cuDNN and cuSOLVER
            "_status_alloc_failed",
            // JavaCPP's own limit
            SIZE_LIMIT);

    /**
     * What was under way.
     *
     * @param name such as {@code step 12}
     * @param batches that were to go through the model; empty if that is not known
     * @param less which settings need less memory there
     */
    record Work(String name, List<MiniBatch> batches, String less) {
        static Work beginning() {
            return new Work(
                    "making ready, before the first step",
                    List.of(),
                    "a lower --rank, fewer --target-modules, and for an adapter with --load-in 8bit or 4bit");
        }

        static Work step(long step, List<MiniBatch> batches) {
            return new Work(
                    "step " + step,
                    batches,
                    "--gradient-checkpointing (may be set on resume), a smaller --batch-size with a larger --accumulate,"
                            + " a smaller --max-length, for an adapter with --load-in 8bit or 4bit, and for a new one with a"
                            + " lower --rank");
        }

        static Work answers(long step) {
            return new Work(
                    "the answers of step " + step,
                    List.of(),
                    "a smaller --batch-size with a larger --accumulate, fewer --num-generations, a smaller --max-completion-length,"
                            + " and for an adapter with --load-in 8bit or 4bit");
        }

        static Work test() {
            return new Work("the test after the last step", List.of(), "a smaller --eval-batch-size");
        }

        static Work reference() {
            return new Work(
                    "the look at the preferences before the first step",
                    List.of(),
                    "a smaller --eval-batch-size, a smaller --max-length, and for an adapter with --load-in 8bit or 4bit");
        }

        static Work evaluationAfter(long step) {
            return new Work(
                    "the evaluation after step " + step,
                    List.of(),
                    "a smaller --eval-batch-size (may be set on resume), a smaller --max-length, and for an adapter with"
                            + " --load-in 8bit or 4bit");
        }
    }

    private static final String LIMITED =
            "\nthat limit is JavaCPP's and not the machine's: by default four times the largest heap (-Xmx), where JavaCPP is"
                    + " loaded before loft4j; start Java with -Dorg.bytedeco.javacpp.maxPhysicalBytes=0, which is none";

    private MemoryFault() {}

    /** Whether libtorch, JavaCPP or the machine was out of memory; the heap of the JVM is another matter. */
    public static boolean is(Throwable fault) {
        return is(fault, SIGNS);
    }

    private static boolean is(Throwable fault, List<String> signs) {
        for (Throwable t = fault; t != null; t = t.getCause()) {
            String message = String.valueOf(t.getMessage()).toLowerCase(Locale.ROOT);
            boolean heap = t instanceof OutOfMemoryError && message.contains("java heap");
            if (!heap && signs.stream().anyMatch(message::contains)) {
                return true;
            }
        }
        return false;
    }

    /**
     * The fault of a call that trains nothing.
     *
     * @param less which settings need less memory there; empty for none
     */
    public static String told(Throwable fault, List<String> less) {
        String text = "out of memory: " + first(fault) + "\nthe process holds "
                + ProgressLine.size(ProcessMemory.resident())
                + "; beside it libtorch needs room for what goes through the model at once";
        if (is(fault, List.of(SIZE_LIMIT))) {
            return text + LIMITED;
        }
        return less.isEmpty() ? text : text + "\nless is needed with " + String.join(", ", less);
    }

    private static String first(Throwable fault) {
        return String.valueOf(fault.getMessage()).lines().findFirst().orElse("").strip();
    }

    /**
     * The fault with an account of the memory.
     *
     * @param standing what the run can go on from
     */
    static NativeMemoryException explain(
            Throwable fault, Work work, Model model, Trainable trainable, @Nullable String standing) {
        return explain(fault, work, model, trainable.optimizerBytes(), standing);
    }

    /** The same of a run that cannot begin. */
    static NativeMemoryException ofBeginning(Throwable fault, Model model) {
        return explain(fault, Work.beginning(), model, 0, null);
    }

    /** The same of a look at the preferences of several runs, made before the first of them, when there is nothing trained yet. */
    public static NativeMemoryException ofReference(Throwable fault, Model model, String standing) {
        return explain(fault, Work.reference(), model, 0, standing);
    }

    private static NativeMemoryException explain(
            Throwable fault, Work work, Model model, long trained, @Nullable String standing) {
        long weights = model.weights().bytes();
        StringBuilder text = new StringBuilder();
        text.append("out of memory in ").append(work.name()).append(": ").append(first(fault));
        text.append('\n').append(account(model.description().device(), weights, trained));
        largest(work.batches(), text);
        text.append(is(fault, List.of(SIZE_LIMIT)) ? LIMITED : "\nless is needed with " + work.less());
        if (standing != null) {
            text.append('\n').append(standing);
        }
        return new NativeMemoryException(text.toString(), fault);
    }

    /** What holds the memory. How much is taken of a device nobody tells, and the process's own size says nothing of that. */
    static String account(DeviceSpec device, long weights, long optimizer) {
        boolean onHost = device.kind() == DeviceSpec.Kind.CPU;
        return (onHost
                        ? "the process holds " + ProgressLine.size(ProcessMemory.resident()) + ": weights "
                        : device + " holds weights ")
                + ProgressLine.size(weights)
                + ", state of the optimizer " + ProgressLine.size(optimizer)
                + (onHost
                        ? ", the rest are activations, gradients and the JVM"
                        : ", and beside them activations, gradients and what other processes have there");
    }

    private static void largest(List<MiniBatch> batches, StringBuilder text) {
        String largest = "";
        long most = -1;
        for (MiniBatch batch : batches) {
            long size = batch instanceof Batch tokens
                    ? (long) tokens.rows() * tokens.columns()
                    : batch instanceof ImageBatch images ? images.pixels().length : 0;
            if (size > most) {
                most = size;
                largest = batch instanceof Batch tokens
                        ? tokens.rows() + " rows of " + tokens.columns() + " tokens"
                        : batch instanceof ImageBatch images ? images.rows() + " images" : "";
            }
        }
        if (!largest.isEmpty()) {
            text.append("; the largest batch is ").append(largest);
        }
    }
}
