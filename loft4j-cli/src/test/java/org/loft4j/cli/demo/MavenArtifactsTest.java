package org.loft4j.cli.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MavenArtifactsTest {
    @TempDir
    Path dir;

    private final List<String> said = new ArrayList<>();

    @Test
    void fetchesOnceAndKeepsTheFile() throws Exception {
        Path jar = jar("entry.txt", "content");
        MavenArtifact artifact = artifact("entry.txt", sha256(jar));
        Path log = dir.resolve("log");
        Path cache = dir.resolve("a").resolve("cache");
        MavenArtifacts artifacts = new MavenArtifacts(cache, FakeMaven.command(jar, log), said::add);

        Path file = artifacts.fetch(artifact);

        assertEquals(cache.resolve("thing-1.0.jar"), file);
        assertEquals(-1, Files.mismatch(jar, file));
        String call = Files.readString(log);
        assertTrue(call.contains("maven-dependency-plugin:3.11.0:copy\n-Dartifact=org.example:thing:1.0\n"), call);
        assertTrue(call.contains("--batch-mode"), call);
        assertTrue(
                call.substring(call.lastIndexOf('\n')).contains("fetch-"),
                "Maven must run in an empty directory: " + call);
        assertEquals(1, said.size());
        assertEquals(List.of("thing-1.0.jar"), names(cache));

        Files.delete(log);
        assertEquals(file, artifacts.fetch(artifact));
        assertFalse(Files.exists(log), "a cached file needs no Maven");
    }

    @Test
    void fetchesADamagedFileAgain() throws Exception {
        Path jar = jar("entry.txt", "content");
        Path cache = Files.createDirectories(dir.resolve("cache"));
        Files.write(cache.resolve("thing-1.0.jar"), new byte[100]);

        Path file = artifacts(jar).fetch(artifact("entry.txt", sha256(jar)));

        assertEquals(-1, Files.mismatch(jar, file));
        assertTrue(said.get(0).contains("damaged"), said.get(0));
    }

    @Test
    void refusesAnotherFileThanThePinnedOne() throws Exception {
        Path jar = jar("entry.txt", "content");
        String wrong = "0".repeat(64);
        AssetException e =
                assertThrows(AssetException.class, () -> artifacts(jar).fetch(artifact("entry.txt", wrong)));
        assertTrue(e.getMessage().contains("SHA-256 is " + sha256(jar)), e.getMessage());
        assertTrue(e.getMessage().contains("expected " + wrong), e.getMessage());
        assertEquals(List.of(), names(dir.resolve("cache")));

        AssetException missing =
                assertThrows(AssetException.class, () -> artifacts(jar).fetch(artifact("other.txt", sha256(jar))));
        assertTrue(missing.getMessage().contains("no entry other.txt"), missing.getMessage());
    }

    @Test
    void tellsWhyMavenFailedAndWhatToDo() throws Exception {
        AssetException e = assertThrows(
                AssetException.class, () -> artifacts(dir.resolve("absent")).fetch(artifact("e", "0".repeat(64))));
        assertTrue(e.getMessage().contains("exit status 1"), e.getMessage());
        assertTrue(e.getMessage().contains("Unknown host"), e.getMessage());
        assertTrue(e.getMessage().contains("network"), e.getMessage());
        assertEquals(List.of(), names(dir.resolve("cache")));
    }

    @Test
    void tellsWhenMavenCannotBeStarted() {
        List<String> nothing = List.of(dir.resolve("mvn").toString());
        MavenArtifacts artifacts = new MavenArtifacts(dir.resolve("cache"), nothing, said::add);
        AssetException e =
                assertThrows(AssetException.class, () -> artifacts.fetch(artifact("entry.txt", "0".repeat(64))));
        assertTrue(e.getMessage().contains("install Maven"), e.getMessage());
    }

    @Test
    void findsMavenOnThePathThenByItsHome() throws Exception {
        Path bin = Files.createDirectories(dir.resolve("home").resolve("bin"));
        Path mvn = Files.createFile(bin.resolve("mvn"));
        assertTrue(mvn.toFile().setExecutable(true));
        assertEquals(List.of(mvn.toString()), MavenCommand.find(Map.of("PATH", bin.toString()), false));
        Map<String, String> home =
                Map.of("PATH", dir.toString(), "MAVEN_HOME", dir.resolve("home").toString());
        assertEquals(List.of(mvn.toString()), MavenCommand.find(home, false));
        AssetException e = assertThrows(AssetException.class, () -> MavenCommand.find(Map.of("PATH", ""), false));
        assertTrue(e.getMessage().contains("Maven was not found"), e.getMessage());
    }

    private MavenArtifacts artifacts(Path jar) {
        return new MavenArtifacts(dir.resolve("cache"), FakeMaven.command(jar, dir.resolve("log")), said::add);
    }

    private static MavenArtifact artifact(String entry, String sha256) {
        return new MavenArtifact("org.example:thing:1.0", entry, sha256, "a thing");
    }

    private Path jar(String entry, String content) throws Exception {
        Path jar = dir.resolve("source.jar");
        try (OutputStream out = Files.newOutputStream(jar);
                ZipOutputStream zip = new ZipOutputStream(out)) {
            zip.putNextEntry(new ZipEntry(entry));
            zip.write(content.getBytes(java.nio.charset.StandardCharsets.UTF_8));
            zip.closeEntry();
        }
        return jar;
    }

    private static String sha256(Path file) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
    }

    private static List<String> names(Path directory) throws Exception {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
