/* The interpreter of the bundled Python. Bots' authors can run their tests with it. */
int Py_BytesMain(int argc, char **argv);

int main(int argc, char **argv) { return Py_BytesMain(argc, argv); }
