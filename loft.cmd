@echo off
rem The command line of loft4j on Windows: builds it on first use, then runs it.
rem JAVA_HOME or PATH: Java 17 or newer. LOFT_JAVA_OPTS: further options of the Java machine.
rem After a change of the sources, or where Maven's local repository was cleared, remove loft4j-cli\target\loft.stamp to build again.
setlocal
set "HOME_DIR=%~dp0"
set "TARGET=%HOME_DIR%loft4j-cli\target"
set "JAVA=java"
if defined JAVA_HOME set "JAVA=%JAVA_HOME%\bin\java.exe"
"%JAVA%" -version >nul 2>&1
if errorlevel 1 goto nojava
if not exist "%TARGET%\loft.stamp" goto build
:run
if not defined OMP_WAIT_POLICY set "OMP_WAIT_POLICY=passive"
rem The class path is longer than a line of cmd may be: Java reads it from a file of arguments, in the system's own code page.
powershell -NoProfile -Command "$t = $env:TARGET; $c = (Get-Content -Raw -Encoding UTF8 -LiteralPath ($t + '\classpath')).Trim(); Set-Content -Encoding Default -LiteralPath ($t + '\loft.args') ('-cp \"' + ($t + '\loft4j-cli.jar;' + $c).Replace('\','\\') + '\"')"
"%JAVA%" "@%TARGET%\loft.args" --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC -Xmn16m -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xlog:disable -Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8 -Dstderr.encoding=UTF-8 -Djava.awt.headless=true -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 -Dorg.bytedeco.javacpp.nopointergc=true -Dorg.bytedeco.javacpp.platform.extension= %LOFT_JAVA_OPTS% "-Dloft.command=%~0" org.loft4j.cli.Loft %*
exit /b %ERRORLEVEL%

rem Not in blocks of brackets, which a bracket in the path of the checkout would close.
:nojava
echo loft: needs Java 17 or newer: install a JDK, or set JAVA_HOME 1>&2
exit /b 1

:build
echo loft: building for the first time; minutes, while Maven fetches libtorch 1>&2
if not exist "%TARGET%" mkdir "%TARGET%"
pushd "%HOME_DIR%"
call mvn -B -q -pl loft4j-cli -am package -Dmaven.test.skip=true >"%TARGET%\loft-build.log" 2>&1
if errorlevel 1 goto failed
popd
echo cpu>"%TARGET%\loft.stamp"
goto run

:failed
popd
echo loft: the build failed; its output is in "%TARGET%\loft-build.log" 1>&2
exit /b 1
