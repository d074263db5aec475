package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.ProcessLock;

/**
 * Makes a directory as a whole or not at all: beside the place where it is to be, then renamed. One that is there already may be
 * a disk of its own, or lie where nothing can be written: it is filled from a hidden folder within. What a process that was killed has
 * left is removed by the next who writes there, and there is one at a time.
 */
final class NewDirectory {
    private static final String LOCK = ".loft.lock";
    private static final Pattern UNFINISHED = Pattern.compile("\\.loft-[0-9a-f]+\\.tmp|" + Pattern.quote(LOCK));

    private NewDirectory() {}

    /** Fills a directory. */
    interface Content {
        void writeTo(Path directory) throws IOException;
    }

    /** Finds out whether it can be made, before there is anything to write into it. */
    static void check(String option, @Nullable Path directory, Problems problems) {
        if (directory == null || (Files.exists(directory) && !Files.isDirectory(directory))) {
            // the call lacks it, or what is there is told of otherwise
            return;
        }
        Path existing = Files.exists(directory) ? directory : NewFile.above(directory);
        if (!Files.isDirectory(existing)) {
            problems.add(option + " " + directory + " cannot be made: " + existing + " is no folder");
        } else if (!Files.isWritable(existing)) {
            problems.add(option + " " + directory + " cannot be written: the folder " + existing + " is not writable");
        }
    }

    /**
     * Writes the directory. The files of one that was there before are replaced, and stay as they were if writing fails; folders
     * without files stay.
     *
     * @param last the file that makes the directory what it is: gone first of what was there, and there last of what is new
     */
    static void write(Path directory, String last, Content content) throws IOException {
        boolean exists = Files.exists(directory);
        if (!exists && Files.isSymbolicLink(directory)) {
            throw new IOException(directory + " is a link to what is not there");
        }
        Path target = exists ? directory.toRealPath() : directory.toAbsolutePath();
        Path parent = target.getParent();
        if (!exists && parent == null) {
            throw new IOException(target + ": is not a directory that can be made");
        }
        Path lockFile = exists ? target.resolve(LOCK) : target.resolveSibling("." + target.getFileName() + LOCK);
        try (ProcessLock lock =
                ProcessLock.tryAcquire(lockFile, "nothing keeps another process from writing there meanwhile")) {
            // who held it takes it away
            if (lock == null || !Files.exists(lockFile)) {
                throw new IOException(directory + " is being written by another process: wait for it to end");
            }
            try {
                if (exists) {
                    within(target, last, lockFile, content);
                } else {
                    beside(target, lockFile, content);
                }
            } finally {
                Files.deleteIfExists(lockFile);
            }
        }
    }

    private static void beside(Path target, Path lockFile, Content content) throws IOException {
        try (Fresh fresh = new Fresh(target.resolveSibling("." + target.getFileName() + ".loft.tmp"), lockFile)) {
            content.writeTo(fresh.directory);
            fresh.settle(() -> Files.move(fresh.directory, target));
        }
    }

    private static void within(Path target, String last, Path lockFile, Content content) throws IOException {
        String mark = Long.toHexString(ThreadLocalRandom.current().nextLong());
        Path old = target.resolve(".loft-" + mark + ".old");
        List<Path> before = entries(target);
        try (Fresh fresh = new Fresh(target.resolve(".loft-" + mark + ".tmp"), lockFile)) {
            content.writeTo(fresh.directory);
            fresh.settle(() -> {
                Files.createDirectory(old);
                List<Move> moves = new ArrayList<>();
                before.stream()
                        .sorted(lastly(last).reversed())
                        .forEach(entry -> moves.add(new Move(entry, old.resolve(entry.getFileName()))));
                entries(fresh.directory).stream()
                        .sorted(lastly(last))
                        .forEach(entry -> moves.add(new Move(entry, target.resolve(entry.getFileName()))));
                allOrNone(moves);
                delete(old);
            });
        } finally {
            if (Files.exists(old) && files(old).isEmpty()) {
                delete(old);
            }
        }
    }

    /** A folder that is being filled, and is deleted if the process is ended before it has taken its place. */
    private static final class Fresh implements AutoCloseable {
        private static final int ATTEMPTS = 50;

        private final Path directory;
        private final Path lockFile;
        private final AtExit end;
        private boolean settled;
        private boolean abandoned;

        Fresh(Path directory, Path lockFile) throws IOException {
            delete(directory);
            this.lockFile = lockFile;
            this.directory = Files.createDirectory(directory);
            this.end = new AtExit(this::abandon);
        }

        /** The moves by which it takes its place. */
        interface Moves {
            void make() throws IOException;
        }

        /** An end of the process waits for them: they take no time. */
        synchronized void settle(Moves moves) throws IOException {
            if (abandoned) {
                throw new IOException(directory + " is not finished: the process is ending");
            }
            moves.make();
            settled = true;
        }

        private synchronized void abandon() {
            abandoned = !settled;
            // who fills it may be at work still
            for (int i = 0; abandoned && i < ATTEMPTS && Files.exists(directory); i++) {
                try {
                    delete(directory);
                    Files.deleteIfExists(lockFile);
                } catch (IOException e) {
                    // once more, or left as by a process that is killed
                }
            }
        }

        @Override
        public void close() throws IOException {
            end.close();
            delete(directory);
        }
    }

    /** A file or folder that is renamed. */
    private record Move(Path from, Path to) {
        void make() throws IOException {
            // an empty folder may be in the place
            Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private static void allOrNone(List<Move> moves) throws IOException {
        int made = 0;
        try {
            for (Move move : moves) {
                move.make();
                made++;
            }
        } catch (IOException e) {
            while (made > 0) {
                made--;
                new Move(moves.get(made).to(), moves.get(made).from()).make();
            }
            throw e;
        }
    }

    /** By name, that one behind all others. */
    static Comparator<Path> lastly(String last) {
        return Comparator.comparing((Path entry) -> entry.endsWith(last)).thenComparing(Comparator.naturalOrder());
    }

    /** Whether it is of a writing that was killed. */
    static boolean isUnfinished(Path file) {
        return UNFINISHED.matcher(file.getName(0).toString()).matches();
    }

    /** All that lies in a directory or a folder of it and is no folder, relative to it; nothing where it cannot be looked into. */
    static List<Path> files(Path directory) throws IOException {
        List<Path> files = new ArrayList<>();
        for (Path entry : list(directory)) {
            Path name = entry.getFileName();
            if (Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
                files(entry).forEach(file -> files.add(name.resolve(file)));
            } else {
                files.add(name);
            }
        }
        return files;
    }

    /** Files, links, and folders with files in them. */
    private static List<Path> entries(Path directory) throws IOException {
        List<Path> entries = new ArrayList<>();
        for (Path entry : list(directory)) {
            boolean holds = !Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)
                    || !files(entry).isEmpty();
            if (holds && !entry.endsWith(LOCK)) {
                entries.add(entry);
            }
        }
        return entries;
    }

    private static List<Path> list(Path directory) throws IOException {
        if (!Files.isReadable(directory)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.sorted().toList();
        }
    }

    /** With all that is in it; nothing if it is not there. */
    static void delete(Path directory) throws IOException {
        if (Files.isDirectory(directory)) {
            List<Path> all;
            try (Stream<Path> files = Files.walk(directory)) {
                all = files.sorted(Comparator.reverseOrder()).toList();
            }
            for (Path file : all) {
                Files.delete(file);
            }
        }
    }
}
