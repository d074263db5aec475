package org.loft4j.cli;

import com.sun.management.OperatingSystemMXBean;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.train.MemoryEstimate;
import org.loft4j.train.MemoryPlan;
import org.loft4j.train.MemoryPlan.Load;
import org.loft4j.train.TrainConfig;

/** Holds a run to the memory that it was given, before anything is read into it or written. */
final class Budget {
    /** A part that is less than this share of the whole is not worth a word. */
    private static final long LITTLE = 100;

    private final DeviceSpec device;
    private final Model shapes;
    private final MemoryPlan plan;
    private final TrainConfig.Builder config;
    private final Function<TrainConfig, Load> largest;

    /**
     * @param device where the run shall take place: on one of CUDA's the bound is on that one's memory
     * @param shapes the model or its outline
     * @param config the settings of the plan, to be changed
     * @param largest the largest batches that the rows make with some settings
     */
    Budget(
            DeviceSpec device,
            Model shapes,
            MemoryPlan plan,
            TrainConfig.Builder config,
            Function<TrainConfig, Load> largest) {
        this.device = device;
        this.shapes = shapes;
        this.plan = plan;
        this.config = config;
        this.largest = largest;
    }

    /** A change of the call, and the run that it makes. */
    private record Remedy(String options, MemoryPlan plan) {}

    /**
     * The run's memory.
     *
     * @throws ConfigException that says what takes the memory, and what each remedy would bring, if it is more than {@code most}
     */
    MemoryEstimate check(long most) {
        MemoryEstimate estimate = estimate(plan);
        if (estimate.total() > most) {
            throw new ConfigException("max_memory is " + Quantities.bytes(most) + ", and " + needs(estimate, most));
        }
        return estimate;
    }

    /**
     * What is to be said of a run that needs more than the machine has; null where it fits, and on a device of CUDA, whose
     * memory this is not.
     *
     * @param machine bytes, as {@link #ofMachine} tells them
     */
    @Nullable
    String warning(MemoryEstimate estimate, long machine) {
        return device.kind() == DeviceSpec.Kind.CUDA || estimate.total() <= machine
                ? null
                : "the machine has " + Quantities.bytes(machine) + " of memory, and " + needs(estimate, machine);
    }

    /**
     * Refuses what can never fit: what is trained and the optimizer's state are as large as they are reckoned, whatever the rows are.
     *
     * @param machine bytes, with what the system may swap out
     * @throws ConfigException if these alone need more
     */
    void requireRoom(MemoryEstimate estimate, long machine) {
        long least = estimate.adapter() + estimate.optimizer();
        if (device.kind() != DeviceSpec.Kind.CUDA && least > machine) {
            boolean adapts = plan.config().method().usesAdapter();
            throw new ConfigException("the machine has " + Quantities.bytes(machine) + " of memory, and "
                    + (adapts ? "the adapter and its optimizer alone need " : "the optimizer alone needs ")
                    + Quantities.bytes(least) + ": "
                    + (adapts ? "give a lower --rank" : "train an adapter, with another --method"));
        }
    }

    /** The run's memory by {@link #check}; tells of {@link #warning}, if there is one, and refuses by {@link #requireRoom}. */
    MemoryEstimate hold(long most, PrintWriter err) {
        MemoryEstimate estimate = check(most);
        requireRoom(estimate, ofMachine(system -> system.getTotalMemorySize() + system.getTotalSwapSpaceSize()));
        String warning = warning(estimate, ofMachine());
        if (warning != null) {
            err.println("loft: " + warning);
            err.flush();
        }
        return estimate;
    }

    /** Bytes of memory that this process may take: those of the container where there is one; the largest number if nobody knows. */
    static long ofMachine() {
        return ofMachine(OperatingSystemMXBean::getTotalMemorySize);
    }

    private static long ofMachine(ToLongFunction<OperatingSystemMXBean> bytes) {
        return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
                ? bytes.applyAsLong(system)
                : Long.MAX_VALUE;
    }

    /** What takes the memory, and what each remedy would bring. */
    private String needs(MemoryEstimate estimate, long most) {
        List<String> remedies = new ArrayList<>();
        for (Remedy remedy : remedies(estimate, most)) {
            long then = estimate(remedy.plan()).total();
            if (then < estimate.total()) {
                remedies.add(remedy.options() + " (→ " + Quantities.bytes(then)
                        + (then <= most ? "" : ", still too much") + ")");
            }
        }
        return "this run needs about " + Quantities.bytes(estimate.total()) + place(device) + ": " + parts(estimate)
                + (remedies.isEmpty() ? "" : "\ntry " + String.join("; ", remedies));
    }

    private MemoryEstimate estimate(MemoryPlan of) {
        MemoryEstimate estimate = MemoryEstimate.of(shapes, of, device);
        return device.kind() == DeviceSpec.Kind.CUDA ? estimate.onDevice() : estimate;
    }

    /** Whose memory it is, for people; empty for that of the machine. */
    static String place(DeviceSpec device) {
        return device.kind() == DeviceSpec.Kind.CUDA ? " on " + device : "";
    }

    /** The parts that matter, the largest first. */
    static String parts(MemoryEstimate estimate) {
        return estimate.parts().entrySet().stream()
                .filter(part -> part.getValue() >= estimate.total() / LITTLE)
                .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
                .map(part -> part.getKey() + " " + Quantities.bytes(part.getValue()))
                .collect(Collectors.joining(", "));
    }

    private List<Remedy> remedies(MemoryEstimate estimate, long most) {
        List<Remedy> remedies = new ArrayList<>();
        TrainConfig now = plan.config();
        TrainConfig checkpointing = like(now).gradientCheckpointing(true).build();
        if (!now.gradientCheckpointing()) {
            remedies.add(new Remedy("--gradient-checkpointing", plan.with(checkpointing, plan.loadIn(), plan.load())));
        }
        Remedy smaller = smaller(now, most);
        if (smaller != null) {
            remedies.add(smaller);
        }
        boolean streams = estimate.rows() - plan.rows().streamed() > estimate.total() / LITTLE;
        if (streams) {
            remedies.add(new Remedy("--streaming", plan.streaming()));
        }
        boolean fewer = now.method().usesAdapter() && plan.loadIn() != LoadIn.NF4;
        if (fewer) {
            remedies.add(new Remedy("--load-in 4bit", plan.with(now, LoadIn.NF4, plan.load())));
        }
        boolean copies = estimate.copy() > estimate.total() / LITTLE;
        if (copies) {
            TrainConfig waiting = like(now).saveInBackground(false).build();
            remedies.add(new Remedy("--no-save-in-background", plan.with(waiting, plan.loadIn(), plan.load())));
        }
        if (remedies.size() > 1) {
            MemoryPlan all = smaller == null ? plan : smaller.plan();
            all = streams ? all.streaming() : all;
            TrainConfig least = like(all.config())
                    .gradientCheckpointing(true)
                    .saveInBackground(now.saveInBackground() && !copies)
                    .build();
            remedies.add(new Remedy("all of these", all.with(least, fewer ? LoadIn.NF4 : plan.loadIn(), all.load())));
        }
        return remedies;
    }

    /** The builder with these settings, of those that a remedy changes. */
    private TrainConfig.Builder like(TrainConfig some) {
        return config.batchSize(some.batchSize())
                .gradientAccumulationSteps(some.gradientAccumulationSteps())
                .evalBatchSize(some.evalBatchSize())
                .gradientCheckpointing(some.gradientCheckpointing())
                .saveInBackground(some.saveInBackground());
    }

    /** The largest batch that fits, as half, a quarter, …, with as many batches more to a step; else one row. */
    private @Nullable Remedy smaller(TrainConfig now, long most) {
        Load load = plan.load();
        Remedy remedy = null;
        // an example of preferences is two rows
        long rowsEach = Math.max(1, (load.rows() + now.batchSize() - 1) / now.batchSize());
        for (long divisor = 2; divisor <= now.batchSize(); divisor *= 2) {
            int rows = (int) (now.batchSize() / divisor);
            int batches = (int) Math.min(Integer.MAX_VALUE, now.gradientAccumulationSteps() * divisor);
            boolean judgesFewer = load.evalRows() > rowsEach * rows;
            TrainConfig less = like(now)
                    .batchSize(rows)
                    .gradientAccumulationSteps(batches)
                    .evalBatchSize(judgesFewer ? rows : now.evalBatchSize())
                    .build();
            remedy = new Remedy(
                    "--batch-size " + rows + " --accumulate " + batches
                            + (judgesFewer ? " --eval-batch-size " + rows : ""),
                    plan.with(less, plan.loadIn(), largest.apply(less)));
            if (estimate(remedy.plan()).total() <= most) {
                break;
            }
        }
        return remedy;
    }
}
