package org.loft4j.cli.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Stands in for Maven: {@code FakeMaven JAR LOG …} delivers a copy of the jar under the name asked for, or fails. */
final class FakeMaven {
    private FakeMaven() {}

    static List<String> command(Path jar, Path log) {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String classes = System.getProperty("java.class.path");
        return List.of(java, "-cp", classes, FakeMaven.class.getName(), jar.toString(), log.toString());
    }

    public static void main(String[] arguments) throws IOException {
        Path jar = Path.of(arguments[0]);
        Files.writeString(
                Path.of(arguments[1]),
                String.join("\n", arguments) + "\n" + Path.of("").toAbsolutePath());
        if (!Files.exists(jar)) {
            System.out.println("Downloading something");
            System.out.println("[ERROR] Failed to execute goal: Could not transfer artifact: Unknown host");
            System.out.println("[ERROR] ");
            System.exit(1);
        }
        String artifact = value(arguments, "-Dartifact=");
        String[] parts = artifact.split(":", -1);
        Path directory = Path.of(value(arguments, "-DoutputDirectory="));
        Files.copy(jar, directory.resolve(parts[1] + "-" + parts[2] + ".jar"));
    }

    private static String value(String[] arguments, String prefix) {
        for (String argument : arguments) {
            if (argument.startsWith(prefix)) {
                return argument.substring(prefix.length());
            }
        }
        throw new IllegalArgumentException("no " + prefix);
    }
}
