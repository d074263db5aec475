package org.loft4j.cli.ui;

import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What the runs under some directories have to tell, those that begin later among them. One thread uses it at a time. */
final class Feed {
    private static final int DEPTH = 6;
    private static final long SEARCH_NANOS = 2_000_000_000L;

    private final List<Path> roots;
    private final Map<Path, RunFeed> runs = new LinkedHashMap<>();
    private final Set<String> ids = new HashSet<>();
    private long searched;

    Feed(List<Path> roots) {
        this.roots = List.copyOf(roots);
    }

    /** Everything that was not told yet. */
    List<UiEvent> poll() throws IOException {
        long now = System.nanoTime();
        if (runs.isEmpty() || now - searched > SEARCH_NANOS) {
            searched = now;
            for (Path root : roots) {
                search(root);
            }
        }
        List<UiEvent> events = new ArrayList<>();
        for (RunFeed run : runs.values()) {
            events.addAll(run.poll());
        }
        return events;
    }

    private void search(Path root) throws IOException {
        if (!Files.isDirectory(root)) {
            return;
        }
        // a root is often a link to another disk; of links in it those to a run are followed, and not those to data
        Files.walkFileTree(root, EnumSet.of(FileVisitOption.FOLLOW_LINKS), DEPTH, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                String name = String.valueOf(directory.getFileName());
                boolean aside = name.startsWith(".") && name.length() > 2 || name.startsWith("checkpoint-");
                if (!directory.equals(root) && aside) {
                    return FileVisitResult.SKIP_SUBTREE;
                }
                if (Files.isRegularFile(directory.resolve(RunFeed.METRICS))) {
                    runs.computeIfAbsent(directory, run -> feed(run, name(root, run)));
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
    }

    /** Its name tells it from the others, or its name and a number. */
    private RunFeed feed(Path run, String name) {
        String id = name;
        for (int i = 2; !ids.add(id); i++) {
            id = name + " " + i;
        }
        return new RunFeed(run, id, name);
    }

    /** The path below the root, or the root's own name. Comparisons have a folder of their own for the training of a trial. */
    private static String name(Path root, Path run) {
        Path shown = run.equals(root) ? run.toAbsolutePath().normalize().getFileName() : root.relativize(run);
        String name = shown == null ? run.toString() : shown.toString().replace('\\', '/');
        return name.endsWith("/training") ? name.substring(0, name.length() - "/training".length()) : name;
    }
}
