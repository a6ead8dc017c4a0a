"""Programs that a test starts, with one environment. They end with the test."""
import pathlib
import subprocess
import tempfile
import unittest


class StartedPrograms(unittest.TestCase):
    environment = None  # set by the test's setUp

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def start(self, *command):
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)

        def end():
            process.terminate()
            process.communicate()
        self.addCleanup(end)
        return process
