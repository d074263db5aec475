package org.loft4j.hostile;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Damages the files of a format again and again, and keeps account of what reading them does. */
final class HostileRun {
    private static final long LONGEST_MILLIS = 2000;
    private static final long LOOK_SECONDS = 10;
    private static final long GIVE_UP_SECONDS = 120;
    private static final int MOST_FAULTS = 12;
    private static final Set<String> OURS = Set.of(
            "org.loft4j.ConfigException",
            "org.loft4j.ShapeException",
            "org.loft4j.CheckpointException",
            "org.loft4j.DataException");
    // a logger that nobody holds forgets its level
    private static final Logger LOGGER = Logger.getLogger("org.loft4j");

    private final HostileFormat format;
    private final Path folder;
    private final long seed;
    private final Map<String, String> faults = new LinkedHashMap<>();
    private final ResidentMemory memory = new ResidentMemory();
    private int files;
    private int read;
    private int refused;
    private long longestMillis;
    private double seconds;

    private HostileRun(HostileFormat format, Path folder, long seed) {
        this.format = format;
        this.folder = folder;
        this.seed = seed;
    }

    static HostileRun of(HostileFormat format, Path folder, int count) throws Exception {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println(format.getClass().getSimpleName() + ": -Dtests.seed=" + seed);
        Level before = LOGGER.getLevel();
        LOGGER.setLevel(Level.OFF);
        HostileRun run = new HostileRun(format, folder, seed);
        ExecutorService reader = Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, "reader of hostile files");
            thread.setDaemon(true);
            return thread;
        });
        try {
            run.all(count, reader);
        } finally {
            reader.shutdownNow();
            LOGGER.setLevel(before);
        }
        System.out.println(run.summary());
        return run;
    }

    /** For a table: name, files, refused, read, seconds, longest in milliseconds, MiB above the start, faults. */
    String summary() {
        return String.format(
                "hostile | %s | %d | %d | %d | %.0f s | %d ms | %d MiB | %d faults",
                format.getClass().getSimpleName(),
                files,
                refused,
                read,
                seconds,
                longestMillis,
                memory.grownMebibytes(),
                faults.size());
    }

    void requireNoFault() {
        if (!faults.isEmpty()) {
            throw new AssertionError(faults.size() + " kinds of faults, -Dtests.seed=" + seed + "\n"
                    + String.join("\n", faults.values()));
        }
        if (read == files) {
            throw new AssertionError("nothing was refused: the damage is too light, or nothing is read");
        }
    }

    long grownMebibytes() {
        return memory.grownMebibytes();
    }

    private void all(int count, ExecutorService reader) throws Exception {
        List<Path> targets = format.lay(folder);
        Map<Path, byte[]> good = new LinkedHashMap<>();
        for (Path target : targets) {
            good.put(target, Files.readAllBytes(target));
        }
        for (int i = 0; i < 5; i++) {
            for (Path target : targets) {
                // what is sound must be read, and what the first reading loads is no fault of a file
                format.read(folder, target);
            }
        }
        memory.begin();
        long start = System.nanoTime();
        SplittableRandom seeds = new SplittableRandom(seed);
        for (int i = 0; i < count && faults.size() < MOST_FAULTS; i++) {
            SplittableRandom random = seeds.split();
            Path target = targets.get(random.nextInt(targets.size()));
            byte[] sound = good.get(target);
            byte[] damaged = format.damage(target, sound, new Mutations(random, format.words()));
            Files.write(target, damaged);
            files++;
            one(i, target, damaged, reader);
            Files.write(target, sound);
        }
        seconds = (System.nanoTime() - start) / 1e9;
        memory.end();
    }

    private void one(int index, Path target, byte[] damaged, ExecutorService reader) throws Exception {
        long millis = timed(index, target, damaged, reader);
        if (millis > LONGEST_MILLIS) {
            // another process may have had the processor: the second time counts
            millis = Math.min(millis, timed(-1, target, damaged, reader));
        }
        longestMillis = Math.max(longestMillis, millis);
        if (millis > LONGEST_MILLIS) {
            fault("slow", index, target, damaged, "took " + millis + " ms");
        }
    }

    private long timed(int index, Path target, byte[] damaged, ExecutorService reader) throws Exception {
        long start = System.nanoTime();
        Callable<Void> reading = () -> {
            format.read(folder, target);
            return null;
        };
        Future<Void> result = reader.submit(reading);
        try {
            waitFor(result, index, target);
            read += index < 0 ? 0 : 1;
        } catch (ExecutionException e) {
            judge(e.getCause(), index, target, damaged);
        } catch (TimeoutException e) {
            fault("hang", index, target, damaged, "hangs: " + ThreadPicture.now());
            throw new AssertionError(faults.values().toString());
        }
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
    }

    private void judge(Throwable thrown, int index, Path target, byte[] damaged) throws IOException {
        String message = String.valueOf(thrown.getMessage());
        boolean ours = OURS.contains(thrown.getClass().getName());
        if (ours && (message.contains(folder.toString()) || message.contains(String.valueOf(target.getFileName())))) {
            refused += index < 0 ? 0 : 1;
            return;
        }
        StackTraceElement[] trace = thrown.getStackTrace();
        String place = Arrays.stream(trace)
                .filter(frame -> frame.getClassName().startsWith("org.loft4j"))
                .findFirst()
                .map(StackTraceElement::toString)
                .orElse("");
        StringWriter text = new StringWriter();
        thrown.printStackTrace(new PrintWriter(text));
        String shown = text.toString();
        fault(
                thrown.getClass() + place,
                index,
                target,
                damaged,
                (ours ? "names no file: " : "is not refused but throws ")
                        + shown.substring(0, Math.min(shown.length(), 3000)));
    }

    private void fault(String kind, int index, Path target, byte[] damaged, String complaint) throws IOException {
        if (faults.containsKey(kind)) {
            return;
        }
        Path kept = Files.createDirectories(Path.of("target", "hostile"));
        Path copy = kept.resolve(format.getClass().getSimpleName() + "-" + index + "-" + target.getFileName());
        Files.write(copy, damaged);
        faults.put(kind, "file " + index + " (" + copy + "): " + complaint);
    }

    /** Pictures of the threads tell a lock that never opens from a machine that is busy elsewhere. */
    private void waitFor(Future<Void> result, int index, Path target)
            throws InterruptedException, ExecutionException, TimeoutException {
        for (long waited = LOOK_SECONDS; waited < GIVE_UP_SECONDS; waited += LOOK_SECONDS) {
            try {
                result.get(LOOK_SECONDS, TimeUnit.SECONDS);
                return;
            } catch (TimeoutException e) {
                System.out.println("file " + index + ", " + target.getFileName() + ", after " + waited + " s, longest pause of"
                        + " this process " + memory.longestPauseMillis() + " ms: " + ThreadPicture.now());
            }
        }
        result.get(LOOK_SECONDS, TimeUnit.SECONDS);
    }
}
