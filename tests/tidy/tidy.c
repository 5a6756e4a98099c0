/* placeholder while the house is being built */
int main(void) { return 0; }
