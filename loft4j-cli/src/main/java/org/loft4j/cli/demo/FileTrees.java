package org.loft4j.cli.demo;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/** Directories that appear whole or not at all. */
final class FileTrees {
    private FileTrees() {}

    /** Fills a new directory. */
    interface Filler {
        void fill(Path directory) throws IOException;
    }

    /** Lets the filler work in a temporary directory beside the target, and renames it when it is complete. */
    static void build(Path target, Filler filler) throws IOException {
        Path parent = target.toAbsolutePath().getParent();
        if (parent == null) {
            throw new IOException(target + " has no parent directory");
        }
        Files.createDirectories(parent);
        Path work = Files.createTempDirectory(parent, target.getFileName() + ".new-");
        try {
            filler.fill(work);
            try {
                Files.move(work, target, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                // another process may have built the same directory in the meantime, and its copy is as good
                if (!Files.isDirectory(target)) {
                    throw e;
                }
            }
        } finally {
            delete(work);
        }
    }

    /** Deletes a directory with all that is in it; links are not followed. */
    static void delete(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return;
        }
        Files.walkFileTree(directory, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, @Nullable IOException failure) throws IOException {
                if (failure != null) {
                    throw failure;
                }
                Files.delete(visited);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
