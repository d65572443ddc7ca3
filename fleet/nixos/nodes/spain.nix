# Derived from fleet.toml and inventory.toml by `noc render`; edited by hand, it drifts.
{
  clavitor.node = {
    aliases = [ ];
    hostName = "spain";
    pushTokenFile = "/etc/clavitor/environment";
    region = "eu-south-2";
    subdomain = "spain";
    tunnelAddress = "10.84.0.19";
  };
}
