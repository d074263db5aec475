package org.loft4j.cli.demo;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import java.util.zip.ZipFile;

/**
 * Fetches jars through the user's own Maven, so that the user's settings, mirrors, proxies and local repository count, and
 * keeps them in a directory. A jar is taken from there only while its SHA-256 is the pinned one.
 */
final class MavenArtifacts {
    private static final String COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy";
    private static final int KEPT_LINES = 200;

    private final Path directory;
    private final List<String> maven;
    private final Consumer<String> say;

    /**
     * @param directory where the jars are kept; made when needed
     * @param maven the command that starts Maven, without arguments
     * @param say gets one line of text for each thing that takes long
     */
    MavenArtifacts(Path directory, List<String> maven, Consumer<String> say) {
        this.directory = directory;
        this.maven = List.copyOf(maven);
        this.say = say;
    }

    /** The jar's file, fetched unless it is there already. */
    Path fetch(MavenArtifact artifact) throws AssetException {
        Path file = directory.resolve(artifact.fileName());
        try {
            if (Files.exists(file)) {
                String fault = fault(file, artifact);
                if (fault.isEmpty()) {
                    return file;
                }
                say.accept("  the cached " + file.getFileName() + " is damaged (" + fault + "), fetching it again");
            }
            Files.createDirectories(directory);
            Path work = Files.createTempDirectory(directory, "fetch-");
            try {
                copyInto(work, artifact);
                Path fetched = work.resolve(artifact.fileName());
                String fault = Files.exists(fetched) ? fault(fetched, artifact) : "Maven did not write the file";
                if (!fault.isEmpty()) {
                    throw new AssetException(
                            "Maven delivered " + artifact.coordinates() + ", but it cannot be used: " + fault);
                }
                Files.move(fetched, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } finally {
                FileTrees.delete(work);
            }
            return file;
        } catch (AssetException e) {
            throw e;
        } catch (IOException e) {
            throw new AssetException("cannot keep " + artifact.coordinates() + " in " + directory + ": " + e, e);
        }
    }

    private void copyInto(Path work, MavenArtifact artifact) throws IOException {
        say.accept("  fetching " + artifact.title() + " through Maven: " + artifact.coordinates());
        List<String> command = new ArrayList<>(maven);
        command.addAll(List.of(
                "--batch-mode",
                "--quiet",
                COPY_GOAL,
                "-Dartifact=" + artifact.coordinates(),
                "-DoutputDirectory=" + work.toAbsolutePath()));
        Process process;
        try {
            // in an empty directory: a pom.xml where the user stands must not take part
            process = new ProcessBuilder(command)
                    .directory(work.toFile())
                    .redirectErrorStream(true)
                    .redirectInput(ProcessBuilder.Redirect.from(nullDevice()))
                    .start();
        } catch (IOException e) {
            throw new AssetException(
                    "cannot start Maven (" + maven.get(0)
                            + "): install Maven 3.9 or later and put mvn on the PATH, or set MAVEN_HOME",
                    e);
        }
        Deque<String> lines = new ArrayDeque<>();
        try (BufferedReader reader = process.inputReader()) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                if (lines.size() == KEPT_LINES) {
                    lines.removeLast();
                }
                lines.addLast(line);
            }
            int status = process.waitFor();
            if (status != 0) {
                throw new AssetException("Maven could not fetch " + artifact.coordinates() + " (exit status " + status
                        + "): "
                        + reason(lines)
                        + "\nThe first run of the demo needs the network, or the artefact in your local Maven"
                        + " repository. To see all that Maven says:\n  " + String.join(" ", maven) + " " + COPY_GOAL
                        + " -Dartifact=" + artifact.coordinates() + " -DoutputDirectory=" + directory.toAbsolutePath());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssetException("interrupted while Maven fetched " + artifact.coordinates(), e);
        } finally {
            process.destroy();
        }
    }

    private static String reason(Iterable<String> lines) {
        String last = "it gave no reason";
        for (String line : lines) {
            if (line.contains("ERROR") && !line.endsWith("[ERROR] ")) {
                return line.strip();
            }
            last = line.isBlank() ? last : line.strip();
        }
        return last;
    }

    /** What is wrong with the file; empty if nothing is. */
    private static String fault(Path file, MavenArtifact artifact) throws IOException {
        try (ZipFile zip = new ZipFile(file.toFile())) {
            if (zip.getEntry(artifact.requiredEntry()) == null) {
                return "it has no entry " + artifact.requiredEntry();
            }
        } catch (java.util.zip.ZipException e) {
            return "it is not a readable jar: " + e.getMessage();
        }
        String digest = sha256(file);
        return digest.equals(artifact.sha256()) ? "" : "its SHA-256 is " + digest + ", expected " + artifact.sha256();
    }

    private static String sha256(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] buffer = new byte[1 << 16];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    private static java.io.File nullDevice() {
        return new java.io.File(System.getProperty("os.name", "").startsWith("Windows") ? "NUL" : "/dev/null");
    }
}
