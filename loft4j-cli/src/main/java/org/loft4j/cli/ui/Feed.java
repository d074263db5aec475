package org.loft4j.cli.ui;

import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/** What the runs under some directories have to tell, those that begin later among them. One thread uses it at a time. */
final class Feed {
    private static final int DEPTH = 6;

    /** What a run keeps of itself, which is no run. */
    private static final Pattern CHECKPOINT = Pattern.compile("checkpoint-\\d+");

    private static final long SEARCH_NANOS = 2_000_000_000L;

    /** How much longer than a search the pause behind it is at least. */
    private static final long SEARCH_SHARE = 20;

    private final List<Path> roots;
    private final Map<Path, RunFeed> runs = new LinkedHashMap<>();
    private final RunNames names;
    private long searched;
    private long pause;

    Feed(List<Path> roots, RunNames names) {
        this.roots = List.copyOf(roots);
        this.names = names;
    }

    /** Takes an event. The next one is made when it has been taken. */
    @FunctionalInterface
    interface Listener {
        void take(UiEvent event) throws IOException;
    }

    /** Tells everything that was not told yet. However much that is, little of it is held at a time. */
    void poll(Listener listener) throws IOException {
        long now = System.nanoTime();
        if (searched == 0 || now - searched > pause) {
            for (Path root : roots) {
                search(root);
            }
            searched = System.nanoTime();
            // a directory of thousands is not searched all the time
            pause = Math.max(SEARCH_NANOS, SEARCH_SHARE * (searched - now));
        }
        for (RunFeed run : List.copyOf(runs.values())) {
            if (run.isGone()) {
                runs.values().remove(run);
                listener.take(run.gone());
                continue;
            }
            do {
                for (UiEvent event : run.poll()) {
                    listener.take(event);
                }
            } while (run.isBehind());
        }
    }

    private void search(Path root) throws IOException {
        if (!Files.isDirectory(root)) {
            return;
        }
        Set<Path> found = new TreeSet<>();
        // a root is often a link to another disk; of links in it those to a run are followed, and not those to data
        Files.walkFileTree(root, EnumSet.of(FileVisitOption.FOLLOW_LINKS), DEPTH, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                String name = String.valueOf(directory.getFileName());
                boolean aside = name.startsWith(".") && name.length() > 2
                        || CHECKPOINT.matcher(name).matches();
                if (!directory.equals(root) && aside) {
                    return FileVisitResult.SKIP_SUBTREE;
                }
                if (Files.isRegularFile(directory.resolve(RunFeed.METRICS))) {
                    found.add(directory);
                    return FileVisitResult.SKIP_SUBTREE;
                }
                return directory.equals(root) || !Files.isSymbolicLink(directory)
                        ? FileVisitResult.CONTINUE
                        : FileVisitResult.SKIP_SUBTREE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException fault) {
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(
                    Path directory, @org.jspecify.annotations.Nullable IOException fault) {
                return FileVisitResult.CONTINUE;
            }
        });
        // by their names, whatever the order of the file system; one that two roots hold is one
        found.forEach(run ->
                runs.computeIfAbsent(run.toAbsolutePath().normalize(), key -> new RunFeed(run, names.of(run, root))));
    }
}
