package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NewDirectoryTest {
    @TempDir
    Path temporary;

    private Path parent;
    private Path target;

    @BeforeEach
    void aPlace() throws IOException {
        parent = Files.createDirectory(temporary.toRealPath().resolve("parent"));
        target = parent.resolve("model");
    }

    private static List<String> list(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
        }
    }

    private static void model(Path directory, String text) throws IOException {
        for (String name : List.of("config.json", "model.safetensors", "templates/tool.jinja")) {
            Files.createDirectories(directory.resolve(name).getParent());
            Files.writeString(directory.resolve(name), text);
        }
    }

    private static void assertHolds(Path directory, String text) throws IOException {
        assertEquals(List.of("config.json", "model.safetensors", "templates"), list(directory));
        for (Path file : NewDirectory.files(directory)) {
            assertEquals(text, Files.readString(directory.resolve(file)));
        }
    }

    @Test
    void aNewOneIsRenamedWhenItIsWhole() throws IOException {
        NewDirectory.write(target, "config.json", fresh -> {
            assertEquals(parent, fresh.getParent());
            model(fresh, "new");
        });
        assertHolds(target, "new");
        assertEquals(List.of("model"), list(parent));
    }

    /** A disk of its own cannot be renamed, and beside it there may be no room, or no leave to write. */
    @Test
    void oneThatIsThereIsFilledFromWithin() throws IOException {
        Files.createDirectories(target.resolve("lost+found"));
        for (String text : List.of("first", "second")) {
            NewDirectory.write(target, "config.json", fresh -> {
                assertEquals(target, fresh.getParent());
                assertEquals(List.of("model"), list(parent));
                model(fresh, text);
            });
            Files.delete(target.resolve("lost+found"));
            assertHolds(target, text);
            Files.createDirectory(target.resolve("lost+found"));
        }
    }

    @Test
    void aLinkLeadsToTheDisk() throws IOException {
        Path disk = Files.createDirectory(temporary.resolve("disk")).toRealPath();
        Files.createSymbolicLink(target, disk);
        NewDirectory.write(target, "config.json", fresh -> {
            assertEquals(disk, fresh.getParent());
            model(fresh, "new");
        });
        assertTrue(Files.isSymbolicLink(target));
        assertHolds(disk, "new");
        Files.delete(target);
        Files.createSymbolicLink(target, temporary.resolve("gone"));
        IOException refused = assertThrows(
                IOException.class, () -> NewDirectory.write(target, "config.json", fresh -> model(fresh, "new")));
        assertTrue(String.valueOf(refused.getMessage()).contains("is a link to what is not there"));
    }

    @Test
    void whatWasThereStaysWhereWritingFails() throws IOException {
        model(Files.createDirectory(target), "old");
        assertThrows(
                IOException.class,
                () -> NewDirectory.write(target, "config.json", fresh -> {
                    model(fresh, "new");
                    throw new IOException("no room");
                }));
        assertHolds(target, "old");
    }

    /** The folder in the way holds no file, so that it was left there. */
    @Test
    void whatWasThereComesBackWhereItsPlaceCannotBeTaken() throws IOException {
        model(Files.createDirectory(target), "old");
        Files.createDirectories(target.resolve("tokenizer.json/folder"));
        assertThrows(
                IOException.class,
                () -> NewDirectory.write(target, "config.json", fresh -> {
                    model(fresh, "new");
                    Files.writeString(fresh.resolve("tokenizer.json"), "new");
                }));
        Files.delete(target.resolve("tokenizer.json/folder"));
        Files.delete(target.resolve("tokenizer.json"));
        assertHolds(target, "old");
    }

    @Test
    void whatAKilledOneLeftIsRemoved() throws IOException {
        model(Files.createDirectory(parent.resolve(".model.loft.tmp")), "half");
        Files.writeString(parent.resolve(".model.loft.lock"), "");
        NewDirectory.write(target, "config.json", fresh -> model(fresh, "new"));
        assertHolds(target, "new");
        assertEquals(List.of("model"), list(parent));
        model(Files.createDirectory(target.resolve(".loft-1f.tmp")), "half");
        Files.writeString(target.resolve(".loft.lock"), "");
        NewDirectory.write(target, "config.json", fresh -> model(fresh, "newer"));
        assertHolds(target, "newer");
    }

    @Test
    void onlyOneIsWrittenAtATime() throws IOException {
        for (String text : List.of("first", "second")) {
            NewDirectory.write(target, "config.json", fresh -> {
                model(fresh, text);
                String told = assertThrows(
                                IOException.class,
                                () -> NewDirectory.write(target, "config.json", other -> model(other, "other")))
                        .getMessage();
                assertEquals(target + " is being written by another process: wait for it to end", told);
            });
            assertHolds(target, text);
        }
        assertEquals(List.of("model"), list(parent));
    }

    /** SIGTERM, as a Ctrl-C; the content of a model takes minutes. */
    @Test
    void aProcessThatIsEndedLeavesNothing() throws Exception {
        for (boolean exists : new boolean[] {false, true}) {
            if (exists) {
                model(Files.createDirectory(target), "old");
            }
            Process child = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            NewDirectoryTest.class.getName(),
                            target.toString())
                    .redirectErrorStream(true)
                    .start();
            try (BufferedReader said = child.inputReader()) {
                assertEquals("writing", said.readLine());
                child.toHandle().destroy();
                assertTrue(child.waitFor(60, TimeUnit.SECONDS));
            } finally {
                child.destroyForcibly();
            }
            assertEquals(exists ? List.of("model") : List.of(), list(parent));
        }
        assertHolds(target, "old");
    }

    /** Writes without an end. */
    public static void main(String[] arguments) throws IOException {
        NewDirectory.write(Path.of(arguments[0]), "config.json", fresh -> {
            model(fresh, "new");
            System.out.println("writing");
            while (true) {
                Files.writeString(fresh.resolve("model.safetensors"), "new");
            }
        });
    }

    @Test
    void theFileThatMakesItAModelComesLast() {
        Path[] names = {Path.of("x/config.json"), Path.of("x/a"), Path.of("x/tokenizer_config.json")};
        assertEquals(
                List.of(names[1], names[2], names[0]),
                Stream.of(names).sorted(NewDirectory.lastly("config.json")).toList());
    }

    @Test
    void whatAKilledOneLeftIsKnown() throws IOException {
        Files.createDirectory(target);
        NewDirectory.write(target, "config.json", fresh -> {
            assertTrue(NewDirectory.isUnfinished(fresh.getFileName().resolve("config.json")));
            model(fresh, "new");
        });
        assertTrue(!NewDirectory.isUnfinished(Path.of("config.json")));
    }
}
