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

/**
 * Makes a directory as a whole or not at all: beside the place where it is to be, then renamed. One that is there already may be
 * a disk of its own, or lie where nothing can be written: it is filled from a hidden folder within.
 */
final class NewDirectory {
    private static final Pattern UNFINISHED = Pattern.compile("\\.loft-[0-9a-f]+\\.tmp");

    private NewDirectory() {}

    /** Fills a directory. */
    interface Content {
        void writeTo(Path directory) throws IOException;
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
        if (exists) {
            within(directory.toRealPath(), last, content);
        } else {
            beside(directory.toAbsolutePath(), content);
        }
    }

    private static void beside(Path target, Content content) throws IOException {
        Path parent = target.getParent();
        if (parent == null) {
            throw new IOException(target + ": is not a directory that can be made");
        }
        Files.createDirectories(parent);
        Path fresh = parent.resolve("." + target.getFileName() + "." + mark() + ".tmp");
        try {
            Files.createDirectory(fresh);
            content.writeTo(fresh);
            Files.move(fresh, target);
        } finally {
            delete(fresh);
        }
    }

    private static void within(Path target, String last, Content content) throws IOException {
        String mark = mark();
        Path fresh = target.resolve(".loft-" + mark + ".tmp");
        Path old = target.resolve(".loft-" + mark + ".old");
        List<Path> before = entries(target);
        try {
            Files.createDirectory(fresh);
            content.writeTo(fresh);
            Files.createDirectory(old);
            List<Move> moves = new ArrayList<>();
            before.stream()
                    .sorted(lastly(last).reversed())
                    .forEach(entry -> moves.add(new Move(entry, old.resolve(entry.getFileName()))));
            entries(fresh).stream()
                    .sorted(lastly(last))
                    .forEach(entry -> moves.add(new Move(entry, target.resolve(entry.getFileName()))));
            allOrNone(moves);
            delete(old);
        } finally {
            delete(fresh);
            if (Files.exists(old) && files(old).isEmpty()) {
                delete(old);
            }
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
            if (!Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)
                    || !files(entry).isEmpty()) {
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

    private static String mark() {
        return Long.toHexString(ThreadLocalRandom.current().nextLong());
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
