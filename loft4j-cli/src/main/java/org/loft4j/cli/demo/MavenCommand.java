package org.loft4j.cli.demo;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** Finds the command that starts the user's Maven. */
final class MavenCommand {
    private MavenCommand() {}

    /** {@code mvn} on the PATH, else in {@code $MAVEN_HOME/bin} or {@code $M2_HOME/bin}. */
    static List<String> find() throws AssetException {
        return find(System.getenv(), System.getProperty("os.name", "").startsWith("Windows"));
    }

    static List<String> find(Map<String, String> environment, boolean windows) throws AssetException {
        String name = windows ? "mvn.cmd" : "mvn";
        String path = environment.getOrDefault(windows && environment.containsKey("Path") ? "Path" : "PATH", "");
        for (String directory : path.split(Pattern.quote(File.pathSeparator), -1)) {
            if (!directory.isEmpty() && Files.isExecutable(Path.of(directory, name))) {
                return List.of(Path.of(directory, name).toString());
            }
        }
        for (String home : List.of("MAVEN_HOME", "M2_HOME")) {
            Path candidate = Path.of(environment.getOrDefault(home, ""), "bin", name);
            if (environment.containsKey(home) && Files.isExecutable(candidate)) {
                return List.of(candidate.toString());
            }
        }
        throw new AssetException(
                "Maven was not found: the demo fetches its model and data through it. Install Maven 3.9 or"
                        + " later and put mvn on the PATH, or set MAVEN_HOME");
    }
}
