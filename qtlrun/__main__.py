from qtlrun.compose import main

raise SystemExit(main())
